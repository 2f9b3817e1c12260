import { startTimer } from '@parley/resilience';

import type { FirstOfKeys } from '@parley/messaging/transport';

/**
 * Read position and unfinished offsets of one partition. Only offsets below the lowest unfinished
 * one may be committed.
 */
export class OffsetTracker {
  /** Started and unfinished offsets, ascending, with the bytes of each. */
  private readonly open = new Map<number, number>();
  private held = 0;
  private readonly waiting = new Set<() => void>();
  /** The position committed to the group's coordinator. */
  committed = 0;
  paused = false;
  /**
   * Messages that the former reader may have been handling when its process ended; set with the
   * first messages.
   */
  suspects?: FirstOfKeys;

  constructor(
    readonly topic: string,
    readonly partition: number,
    /** The offset to read next. */
    public next: number,
    private readonly bounds: Bounds = BOUNDS,
  ) {}

  begin(offset: number, bytes: number): void {
    this.open.set(offset, bytes);
    this.held += bytes;
  }

  finish(offset: number): void {
    this.held -= this.open.get(offset) ?? 0;
    this.open.delete(offset);
    if (!this.full) for (const wake of [...this.waiting]) wake();
  }

  /** All offsets below this one are finished. */
  get finished(): number {
    for (const lowest of this.open.keys()) return lowest;
    return this.next;
  }

  get moved(): boolean {
    return this.finished > this.committed;
  }

  /**
   * The limits of messages or bytes are reached, or too many finished offsets above an unfinished
   * one would have to be repeated.
   */
  get full(): boolean {
    return this.fills(1);
  }

  /** Below half of the limits: reading can continue. */
  get hasRoom(): boolean {
    return !this.fills(0.5);
  }

  /** Resolves when the partition is below its limits, or after `milliseconds`. */
  room(milliseconds: number): Promise<void> {
    if (!this.full) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        this.waiting.delete(done);
        resolve();
      };
      const cancel = startTimer(milliseconds, done);
      this.waiting.add(done);
    });
  }

  private fills(share: number): boolean {
    const { messages, bytes, span } = this.bounds;
    return (
      this.open.size >= messages * share ||
      this.held >= bytes * share ||
      this.next - this.finished >= span * share
    );
  }
}

export interface Bounds {
  /** Messages of a partition that wait or are being handled. */
  readonly messages: number;
  readonly bytes: number;
  /** Offsets from the lowest unfinished one to the last one read. */
  readonly span: number;
}

const BOUNDS: Bounds = { messages: 1_000, bytes: 4_000_000, span: 10_000 };
