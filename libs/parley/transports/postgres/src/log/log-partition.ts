import { FirstOfKeys } from '@parley/messaging/transport';

/** One partition as a reader of it knows it: where to read on, and what of it is not finished. */
export class Partition {
  /** Offsets handed on and not finished, ascending. */
  private readonly open = new Set<number>();
  private readonly lost = new AbortController();
  /** What `read_events` said last; spares it old days. */
  made = '-infinity';
  /** The position the database knows. */
  stored: number;
  /** Waiting for their lane, and in their handler. */
  queued = 0;
  running = 0;
  /** What its former holder may have been handling when its process ended. */
  readonly suspects: FirstOfKeys;
  /** Something may be there to read. */
  dirty = true;
  /** Nothing of it is to be started any more: it is being given up, or is gone. */
  leaving = false;

  constructor(
    readonly part: number,
    /** Where to read on. */
    public next: number,
    readonly epoch: number,
    /** Offsets that were handled before we got the partition. */
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

  /** False when the offset needs no handling. */
  begin(offset: number): boolean {
    if (this.handled.delete(offset)) return false;
    this.open.add(offset);
    return true;
  }

  finish(offset: number): void {
    this.open.delete(offset);
  }

  /** Everything below is finished. */
  get finished(): number {
    for (const lowest of this.open) return lowest;
    return this.next;
  }

  lose(reason: Error): void {
    this.leaving = true;
    this.lost.abort(reason);
  }
}
