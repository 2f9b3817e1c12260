/**
 * The point in time at which a caller stops waiting for a reply. The remaining time, the budget,
 * travels with a call: a call made while answering another one never outlives it.
 */
export class Deadline {
  /**
   * @param due milliseconds of the process's monotonic clock: no budget grows because the time
   * of day is set back
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

/** No reply came in time. Whether the call took effect is unknown. */
export class DeadlineExceededError extends Error {
  override readonly name = 'DeadlineExceededError';
  constructor(contract: string, milliseconds: number) {
    super(
      `${contract} was not answered within ${Math.round(milliseconds)} ms; whether it took effect is unknown`,
    );
  }
}
