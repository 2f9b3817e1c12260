import { startTimer, type TimerOptions } from '@parley/resilience';

/** Time, as the kit sees it: given, so that tests and simulation need not wait. */
export interface Clock {
  /**
   * Milliseconds since the epoch: what people are told and messages carry. The time of day may
   * jump.
   */
  now(): number;
  /** Milliseconds since some moment, for durations: never jumps. */
  elapsed(): number;
  /** Calls back once after `milliseconds`, however many; the returned function cancels it. */
  after(milliseconds: number, callback: () => void, options?: TimerOptions): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after: startTimer,
};
