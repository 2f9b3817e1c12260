/**
 * Read position and unfinished messages of one partition of a log, as several are handled at a time.
 * Only the position of the lowest unfinished message may be stored: a reader that starts there misses
 * none.
 */
export class OffsetTracker<Offset> {
  /** Positions of the unfinished messages in the order of the log, with the bytes of each. */
  private readonly open = new Map<Offset, number>();
  /** Bytes of the unfinished messages. */
  protected bytes = 0;

  constructor(
    /** The position to read from next. */
    public next: Offset,
    /** The position that is stored. */
    public stored: Offset = next,
  ) {}

  /** @param offset the position from which a reader gets this message first */
  begin(offset: Offset, bytes = 0): void {
    this.open.set(offset, bytes);
    this.bytes += bytes;
  }

  finish(offset: Offset): void {
    this.bytes -= this.open.get(offset) ?? 0;
    this.open.delete(offset);
  }

  /** Number of unfinished messages. */
  get count(): number {
    return this.open.size;
  }

  /** All messages before this position are finished. */
  get finished(): Offset {
    for (const lowest of this.open.keys()) return lowest;
    return this.next;
  }

  /** True when the stored position is behind. */
  get hasMoved(): boolean {
    return this.finished !== this.stored;
  }
}
