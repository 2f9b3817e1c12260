import type { Lane } from './lane-leases';

/**
 * Schedules suspect lanes, which were returned without an outcome: one at a time, and in turns with
 * all other lanes, so that many suspects do not block a whole queue.
 */
export class SuspectTurns {
  private lane?: Lane;
  private isHandled = false;
  private mayBeMore = false;
  private isTheirTurn = true;

  /** A suspect is leased: no other lane may be leased. */
  get isHeld(): boolean {
    return this.lane !== undefined;
  }

  /** True when the next claim should look for a suspect. */
  isDue(): boolean {
    return this.mayBeMore && this.isTheirTurn && !this.lane;
  }

  appeared(): void {
    this.mayBeMore = true;
  }

  /** Keeps a leased suspect; undefined if none was found. */
  hold(lane: Lane | undefined): void {
    this.lane = lane;
    this.isHandled = false;
    this.mayBeMore = lane !== undefined;
    this.isTheirTurn = lane === undefined;
  }

  /** Returns the suspect that waits, if any: handle it now, or give it back. */
  take(): readonly Lane[] {
    if (!this.lane || this.isHandled) return [];
    this.isHandled = true;
    return [this.lane];
  }

  over(lane: Lane): void {
    if (this.lane === lane) this.lane = undefined;
  }

  othersHadTheirTurn(): void {
    this.isTheirTurn = true;
  }
}
