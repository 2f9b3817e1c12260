import { startTimer, type TimerOptions } from '@parley/resilience';

/** Time, as the kit sees it: given, so that tests and simulation need not wait. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds of a clock that never jumps. Default: that of `performance.now()`. */
  monotonic?(): number;
  /** Calls back once after `milliseconds`, however many; the returned function cancels it. */
  after(milliseconds: number, callback: () => void, options?: TimerOptions): () => void;
}

export const monotonic = (clock: Clock): number => clock.monotonic?.() ?? performance.now();

export const systemClock: Clock = {
  now: () => Date.now(),
  after: startTimer,
};
