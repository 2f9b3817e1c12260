import { startTimer } from '@parley/resilience';

/** Time, as the kit sees it: given, so that tests and simulation need not wait. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls back once after `milliseconds`, however many; the returned function cancels it. */
  after(milliseconds: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after: startTimer,
};
