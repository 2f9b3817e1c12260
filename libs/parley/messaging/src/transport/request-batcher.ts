interface Asked<E> {
  readonly entry: E;
  readonly size: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface BatchLimits<E> {
  /** Entries of one request. */
  readonly most: number;
  /** Bytes of all entries of one request. */
  readonly bytes?: number;
  readonly sizeOf?: (entry: E) => number;
}

/**
 * Coalesces the entries of one event-loop turn into one API request (SendMessageBatch, PutRecords).
 * Each caller gets the result of its own entries.
 */
export class RequestBatcher<E> {
  private waiting: Asked<E>[] = [];

  constructor(
    /**
     * Resolves with the error of each refused entry, at its index; undefined for the others.
     * Rejects when the result is unknown.
     */
    private readonly request: (entries: readonly E[]) => Promise<readonly (Error | undefined)[]>,
    private readonly limits: BatchLimits<E>,
  ) {}

  add(entry: E): Promise<void> {
    if (this.waiting.length === 0) setImmediate(() => this.flush());
    const size = this.limits.sizeOf?.(entry) ?? 0;
    return new Promise((resolve, reject) => this.waiting.push({ entry, size, resolve, reject }));
  }

  private flush(): void {
    const { most, bytes = Infinity } = this.limits;
    let group: Asked<E>[] = [];
    let sum = 0;
    for (const asked of this.waiting.splice(0)) {
      if (group.length === most || (group.length > 0 && sum + asked.size > bytes)) {
        void this.ask(group);
        [group, sum] = [[], 0];
      }
      group.push(asked);
      sum += asked.size;
    }
    void this.ask(group);
  }

  private async ask(group: readonly Asked<E>[]): Promise<void> {
    try {
      const refusals = await this.request(group.map(({ entry }) => entry));
      group.forEach(({ resolve, reject }, place) =>
        refusals[place] ? reject(refusals[place]) : resolve(),
      );
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }
}
