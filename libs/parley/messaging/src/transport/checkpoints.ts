import type { Clock } from '../clock';

/**
 * Stores the positions of a reader some time after they moved, one call at a time: a later position
 * is never overtaken by an earlier one.
 */
export class Checkpoints {
  private readonly timers = new Map<number, () => void>();
  private last = Promise.resolve();
  private isCancelled = false;

  constructor(
    private readonly clock: Pick<Clock, 'after'>,
    /** Must not reject. */
    private readonly store: () => Promise<void>,
  ) {}

  /** Stores them within `milliseconds`; further calls until then are included. */
  within(milliseconds: number): void {
    if (this.isCancelled || this.timers.has(milliseconds)) return;
    const run = () => {
      this.timers.delete(milliseconds);
      void this.now();
    };
    this.timers.set(milliseconds, this.clock.after(milliseconds, run));
  }

  /** Stores them as soon as earlier calls have ended. */
  now(): Promise<void> {
    return (this.last = this.last.then(this.store));
  }

  /** From now on they are stored by `now` only. */
  cancel(): void {
    this.isCancelled = true;
    for (const cancel of this.timers.values()) cancel();
  }
}
