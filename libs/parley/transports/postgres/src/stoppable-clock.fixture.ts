import { type Clock, systemClock } from '@parley/messaging/transport';

/** A process's clock; once stopped, no timer fires any more. */
export class StoppableClock implements Clock {
  stopped = false;
  /** Milliseconds that the time of day is off. */
  off = 0;
  elapsed(): number {
    return systemClock.elapsed();
  }

  now(): number {
    return systemClock.now() + this.off;
  }
  after(milliseconds: number, callback: () => void): () => void {
    return systemClock.after(milliseconds, () => !this.stopped && callback());
  }
}
