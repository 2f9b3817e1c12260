import { FirstOfKeys, OffsetTracker } from '@parley/messaging/transport';

/** A partition held by a reader: its read position and its unfinished events. */
export class Partition extends OffsetTracker<number> {
  private readonly lost = new AbortController();
  /** The day that `read_events` returned last; lets the next read skip older daily tables. */
  made = '-infinity';
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
    next: number,
    readonly epoch: number,
    /** Offsets handled before this instance got the partition. */
    private readonly handled = new Set<number>(),
    orphaned = false,
  ) {
    super(next);
    this.suspects = new FirstOfKeys(orphaned);
  }

  /** Aborted when the partition is no longer ours. */
  get signal(): AbortSignal {
    return this.lost.signal;
  }

  /** True when the offset was handled before this instance got the partition. */
  isHandled(offset: number): boolean {
    return this.handled.delete(offset);
  }

  lose(reason: Error): void {
    this.leaving = true;
    this.lost.abort(reason);
  }
}
