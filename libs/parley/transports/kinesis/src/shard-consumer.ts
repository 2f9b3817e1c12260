import type { _Record as KinesisRecord } from '@aws-sdk/client-kinesis';
import {
  deliverUntilSettled,
  FirstOfKeys,
  LeaseLostError,
  OffsetTracker,
  type ShardLease,
  type ShardMove,
} from '@parley/messaging/transport';
import { setMaxListeners } from 'node:events';
import { deliverRecord, isWanted, type Place } from './handling';
import { ShardReader } from './shard-reader';
import { contentOf } from './cloudevents';

/** A shard that is ours to read: hands its messages over, and knows how far they are done. */
export class ShardConsumer {
  /** A message is read after its predecessor: the sequence number of that one is its offset. */
  private readonly progress: OffsetTracker<string>;
  private readonly reader: ShardReader;
  private readonly suspects: FirstOfKeys;
  private readonly lost = new AbortController();
  private running = 0;
  private isOver = false;
  /** Nothing more is begun. */
  leaving = false;

  constructor(
    stream: string,
    readonly lease: ShardLease,
    private readonly place: Place,
    /** Its former reader did not hand it back. */
    orphaned: boolean,
    /** Something changed: a message is finished, or all of them. */
    private readonly onFinished: (shard: ShardConsumer) => void,
  ) {
    this.suspects = new FirstOfKeys(orphaned);
    this.progress = new OffsetTracker(lease.position);
    const sink = { take: (record: KinesisRecord) => this.take(record), ended: () => this.ended() };
    this.reader = new ShardReader(stream, lease.shard, lease.position, sink, place);
    setMaxListeners(0, this.lost.signal);
    this.reader.start();
  }

  get problem(): string | undefined {
    return this.reader.problem;
  }

  get isIdle(): boolean {
    return this.running === 0;
  }

  get isFinished(): boolean {
    return this.isOver && this.progress.count === 0;
  }

  /** Messages read here and not finished. */
  get waiting(): number {
    return this.progress.count;
  }

  /** How far it is done. */
  get standing(): ShardMove {
    const { shard, epoch } = this.lease;
    return { shard, epoch, position: this.progress.finished, over: this.isFinished };
  }

  /** True when the store does not know that yet. */
  get hasMoved(): boolean {
    return this.progress.hasMoved || this.isFinished;
  }

  moved({ position }: ShardMove): void {
    this.progress.stored = position;
  }

  /** Reads nothing more and begins nothing more; handlings under way continue. */
  async leave(): Promise<void> {
    this.leaving = true;
    await this.reader.stop();
  }

  /** Another instance has the lease now, or it is not known which one. */
  lose(why: string): void {
    void this.leave();
    this.lost.abort(
      new LeaseLostError(`${this.place.subscription.name}: ${this.lease.shard} ${why}`),
    );
  }

  private ended(): void {
    this.isOver = true;
    this.onFinished(this);
  }

  private take({ SequenceNumber, Data }: KinesisRecord): number {
    const { progress } = this;
    const offset = progress.next;
    progress.begin(offset);
    progress.next = SequenceNumber!;
    const { headers, body } = contentOf(Data);
    const { lanes, subscription } = this.place;
    if (!isWanted(subscription, headers)) {
      progress.finish(offset);
      this.onFinished(this);
    } else {
      const lane =
        headers.partitionkey === undefined ? `id:${SequenceNumber}` : `key:${headers.partitionkey}`;
      const suspect = this.suspects.take(lane);
      const attempt = () => deliverRecord(this.place, headers, body, suspect, this.lost.signal);
      lanes.add(lane, () => this.handle(attempt, offset));
    }
    return progress.count;
  }

  /** Never rejects. A returned message is delivered again: its successors wait for it. */
  private async handle(attempt: () => Promise<boolean>, offset: string): Promise<void> {
    if (this.leaving) return;
    this.running++;
    const { clock } = this.place.context;
    if (await deliverUntilSettled(clock, attempt, () => !this.leaving)) {
      this.progress.finish(offset);
      this.reader.roomMade(this.progress.count);
    }
    this.running--;
    this.onFinished(this);
  }
}
