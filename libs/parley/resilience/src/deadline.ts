/**
 * A point in time after which nobody waits for the answer any more. What is left of it, the budget,
 * travels with a call: a call made while answering another never outlives it.
 */
export class Deadline {
  /**
   * @param due by the process's own clock, which never jumps: no budget grows because the time of
   * day is set back
   */
  private constructor(private readonly due: number) {}

  /** The earlier of now + `milliseconds` and the deadline already running, if any. */
  static within(milliseconds: number, running?: Deadline, now = performance.now()): Deadline {
    return new Deadline(Math.min(now + milliseconds, running?.due ?? Infinity));
  }

  /** Milliseconds since the epoch, as the time of day is just now. */
  get at(): number {
    const timeOfDay = Date.now();
    return timeOfDay + this.due - performance.now();
  }

  /** Milliseconds left; never negative. */
  budget(now = performance.now()): number {
    return Math.max(0, this.due - now);
  }
}

/** Nobody answered in time. What happened on the other side is unknown. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';
  constructor(contract: string, milliseconds: number) {
    super(
      `${contract} was not answered within ${Math.round(milliseconds)} ms; whether it took effect is unknown`,
    );
  }
}
