import { startTimer, type TimerOptions } from '@parley/resilience';

export interface ClockTimerOptions extends TimerOptions {
  /**
   * True for a look at what other processes may have done. In virtual time it is left out while
   * nothing happens. Default false.
   */
  readonly poll?: boolean;
}

/** The time source of the kit, replaceable so that tests and simulation need not wait. */
export interface Clock {
  /** Milliseconds since the epoch, for logs, people and messages. The time of day may jump. */
  now(): number;
  /** Milliseconds since an arbitrary moment, for durations: never jumps. */
  elapsed(): number;
  /** Calls back once after `milliseconds`, however many; the returned function cancels it. */
  after(milliseconds: number, callback: () => void, options?: ClockTimerOptions): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after: startTimer,
};

/** Resolves after `milliseconds`. */
export const pause = (clock: Pick<Clock, 'after'>, milliseconds: number): Promise<void> =>
  new Promise((resolve) => clock.after(milliseconds, resolve));

/**
 * Calls back once when something is due in `dueMs`, and after `pollMs` at the latest, for what
 * nobody announces. The returned function cancels it.
 */
export function lookAgain(
  clock: Pick<Clock, 'after'>,
  { dueMs = Infinity, pollMs }: { readonly dueMs?: number; readonly pollMs: number },
  callback: () => void,
): () => void {
  if (dueMs <= pollMs) return clock.after(dueMs, callback);
  const look = () => (cancel(), callback());
  const cancelPoll = clock.after(pollMs, look, { poll: true });
  const cancelDue = dueMs < Infinity ? clock.after(dueMs, look) : () => undefined;
  const cancel = () => (cancelPoll(), cancelDue());
  return cancel;
}
