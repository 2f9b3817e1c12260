/** Longest span of a Node timer in milliseconds, 24.8 days. A longer one would fire after 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface TimerOptions {
  /** True when the process stays alive for it. Default true. */
  readonly ref?: boolean;
}

/** Calls back once after `milliseconds`, however many; the returned function cancels it. */
export function startTimer(
  milliseconds: number,
  callback: () => void,
  { ref = true }: TimerOptions = {},
): () => void {
  let timer: NodeJS.Timeout;
  const arm = (left: number) => {
    const span = Math.min(left, LONGEST_TIMER_MS);
    timer = setTimeout(() => (left > span ? arm(left - span) : callback()), span);
    if (!ref) timer.unref();
  };
  arm(milliseconds);
  return () => clearTimeout(timer);
}

/** Resolves after `milliseconds`, however many. */
export const sleep = (milliseconds: number, options?: TimerOptions): Promise<void> =>
  new Promise((resolve) => void startTimer(milliseconds, resolve, options));

/**
 * Like AbortSignal.timeout, for any span: aborted after `milliseconds` with a TimeoutError. Does
 * not keep the process alive.
 */
export function abortAfter(milliseconds: number): AbortSignal {
  if (milliseconds <= LONGEST_TIMER_MS) return AbortSignal.timeout(Math.max(0, milliseconds));
  const controller = new AbortController();
  startTimer(
    milliseconds,
    () =>
      controller.abort(
        new DOMException('The operation was aborted due to timeout', 'TimeoutError'),
      ),
    { ref: false },
  );
  return controller.signal;
}
