import type { ElapsedClock } from './elapsed-clock';

/**
 * Finds a process whose CPU is the bottleneck. Requests that arrived together are handled in one
 * turn of the event loop; those that come after `limitMs` of work in that turn have already waited
 * as long unseen, and so will all others. Refusing them costs little and keeps the turn short.
 */
export class LoopGuard {
  private turnBegan: number | undefined;

  constructor(
    private readonly clock: ElapsedClock,
    private readonly nextTurn: (callback: () => void) => void = setImmediate,
  ) {}

  /**
   * True when the request came more than `limitMs` after the first one of this turn.
   * @param now of the clock, where known
   */
  isLate(limitMs: number, now = this.clock.elapsed()): boolean {
    if (this.turnBegan === undefined) {
      this.turnBegan = now;
      this.nextTurn(this.ended);
    }
    return now - this.turnBegan > limitMs;
  }

  private readonly ended = (): void => {
    this.turnBegan = undefined;
  };
}
