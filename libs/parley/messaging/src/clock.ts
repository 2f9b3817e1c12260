import { startTimer, type TimerOptions } from '@parley/resilience';

/** The time source of the kit, replaceable so that tests and simulation need not wait. */
export interface Clock {
  /** Milliseconds since the epoch, for logs, people and messages. The time of day may jump. */
  now(): number;
  /** Milliseconds since an arbitrary moment, for durations: never jumps. */
  elapsed(): number;
  /** Calls back once after `milliseconds`, however many; the returned function cancels it. */
  after(milliseconds: number, callback: () => void, options?: TimerOptions): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after: startTimer,
};

/** Resolves after `milliseconds`. */
export const pause = (clock: Pick<Clock, 'after'>, milliseconds: number): Promise<void> =>
  new Promise((resolve) => clock.after(milliseconds, resolve));
