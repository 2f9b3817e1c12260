import { startTimer } from '@parley/resilience';

/** Waits for `promise`, but not longer than `milliseconds`; then rejects with what `late` makes. */
export async function withTimeout<T>(
  milliseconds: number,
  promise: Promise<T>,
  late: () => Error,
): Promise<T> {
  let cancel = (): void => undefined;
  const bound = new Promise<never>((_, reject) => {
    cancel = startTimer(milliseconds, () => reject(late()));
  });
  try {
    return await Promise.race([promise, bound]);
  } finally {
    cancel();
  }
}
