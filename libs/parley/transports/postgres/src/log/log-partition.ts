import { FirstOfKeys } from '@parley/messaging/transport';

/** A partition held by a reader: its read position and its unfinished events. */
export class Partition {
  /** Offsets delivered and not finished, ascending. */
  private readonly open = new Set<number>();
  private readonly lost = new AbortController();
  /** The day that `read_events` returned last; lets the next read skip older daily tables. */
  made = '-infinity';
  /** The position stored in the database. */
  stored: number;
  /** Events waiting for their lane, and events in their handler. */
  queued = 0;
  running = 0;
  /** Events that the former holder may have been handling when its process ended. */
  readonly suspects: FirstOfKeys;
  /** There may be something to read. */
  dirty = true;
  /** No further event may be started: the partition is being given up, or is lost. */
  leaving = false;

  constructor(
    readonly part: number,
    /** The offset to read next. */
    public next: number,
    readonly epoch: number,
    /** Offsets handled before this instance got the partition. */
    private readonly handled = new Set<number>(),
    orphaned = false,
  ) {
    this.stored = next;
    this.suspects = new FirstOfKeys(orphaned);
  }

  /** Aborted when the partition is no longer ours. */
  get signal(): AbortSignal {
    return this.lost.signal;
  }

  /** Returns false when the offset needs no handling. */
  begin(offset: number): boolean {
    if (this.handled.delete(offset)) return false;
    this.open.add(offset);
    return true;
  }

  finish(offset: number): void {
    this.open.delete(offset);
  }

  /** All offsets below this one are finished. */
  get finished(): number {
    for (const lowest of this.open) return lowest;
    return this.next;
  }

  lose(reason: Error): void {
    this.leaving = true;
    this.lost.abort(reason);
  }
}
