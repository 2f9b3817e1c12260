import { startTimer } from '@parley/resilience';

import type { FirstOfKeys } from '@parley/messaging/transport';

/**
 * How far one partition is read and done. Only what lies below everything unfinished may be
 * committed.
 */
export class OffsetTracker {
  /** Offsets that were begun and are not finished, ascending, with the bytes each of them holds. */
  private readonly open = new Map<number, number>();
  private held = 0;
  private readonly waiting = new Set<() => void>();
  /** What the group's coordinator knows. */
  committed = 0;
  paused = false;
  /**
   * What its former reader may have been handling when its process ended; known with the first
   * messages.
   */
  suspects?: FirstOfKeys;

  constructor(
    readonly topic: string,
    readonly partition: number,
    /** Where to read on. */
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

  /** Everything below is finished. */
  get finished(): number {
    for (const lowest of this.open.keys()) return lowest;
    return this.next;
  }

  get moved(): boolean {
    return this.finished > this.committed;
  }

  /** Enough is held; or what is done above something unfinished would be too much to do again. */
  get full(): boolean {
    return this.fills(1);
  }

  /** Half of what makes it full is gone: time to read on. */
  get hasRoom(): boolean {
    return !this.fills(0.5);
  }

  /** Resolves when it is not full any more, or after `milliseconds`. */
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
  /** Messages of a partition that wait or are handled. */
  readonly messages: number;
  readonly bytes: number;
  /** Offsets from the lowest unfinished one to the last one read. */
  readonly span: number;
}

const BOUNDS: Bounds = { messages: 1_000, bytes: 4_000_000, span: 10_000 };
