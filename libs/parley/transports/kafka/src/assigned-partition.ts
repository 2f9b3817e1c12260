import { startTimer } from '@parley/resilience';
import { type FirstOfKeys, OffsetTracker } from '@parley/messaging/transport';

/** A partition that the group assigned to this reader, with the bounds of its reading ahead. */
export class AssignedPartition extends OffsetTracker<number> {
  private readonly waiting = new Set<() => void>();
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
    next: number,
    private readonly bounds: Bounds = BOUNDS,
  ) {
    super(next, 0); // the group's position is not known here: the first one is committed
  }

  get name(): string {
    return `${this.topic}/${this.partition}`;
  }

  override finish(offset: number): void {
    super.finish(offset);
    if (!this.full) for (const wake of [...this.waiting]) wake();
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
      this.count >= messages * share ||
      this.bytes >= bytes * share ||
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
