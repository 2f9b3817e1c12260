import { startTimer } from '@parley/resilience';

/**
 * Waits for `promise` for at most `milliseconds`; then rejects with the error that `late` makes.
 */
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

/**
 * Waits for `promise` at most `milliseconds`; resolves to whether it was settled by then. Never
 * rejects.
 */
export function settledWithin(milliseconds: number, promise: Promise<unknown>): Promise<boolean> {
  const settled = promise.then(
    () => true,
    () => true,
  );
  return withTimeout(milliseconds, settled, () => new Error('late')).catch(() => false);
}
