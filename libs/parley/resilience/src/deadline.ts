/**
 * A point in time after which nobody waits for the answer any more. What is left of it, the budget, travels with a call:
 * a call made while answering another never outlives it.
 */
export class Deadline {
  private constructor(
    /** Milliseconds since the epoch. */
    readonly at: number,
  ) {}

  /** The earlier of now + `milliseconds` and the deadline already running, if any. */
  static within(milliseconds: number, running?: Deadline, now = Date.now()): Deadline {
    return new Deadline(Math.min(now + milliseconds, running?.at ?? Infinity));
  }

  /** Milliseconds left; never negative. */
  budget(now = Date.now()): number {
    return Math.max(0, this.at - now);
  }
}

/** Nobody answered in time. What happened on the other side is unknown. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';
  constructor(contract: string, milliseconds: number) {
    super(`${contract} was not answered within ${Math.round(milliseconds)} ms; whether it took effect is unknown`);
  }
}
