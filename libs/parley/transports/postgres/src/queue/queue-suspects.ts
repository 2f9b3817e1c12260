import type { Lane } from './lane-leases';

/**
 * When lanes that came back without an outcome are leased: one at a time, and in turns with all
 * others, so that many of them do not keep a whole queue waiting.
 */
export class SuspectTurns {
  private lane?: Lane;
  private isHandled = false;
  private mayBeMore = false;
  private isTheirTurn = true;

  /** One is leased: nothing else is to be. */
  get isHeld(): boolean {
    return this.lane !== undefined;
  }

  /** Whether to look for one now. */
  isDue(): boolean {
    return this.mayBeMore && this.isTheirTurn && !this.lane;
  }

  appeared(): void {
    this.mayBeMore = true;
  }

  /** Undefined: there is none. */
  hold(lane: Lane | undefined): void {
    this.lane = lane;
    this.isHandled = false;
    this.mayBeMore = lane !== undefined;
    this.isTheirTurn = lane === undefined;
  }

  /** The one that waits, if any: it is to be handled now, or given back. */
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
