import type { _Record as KinesisRecord } from '@aws-sdk/client-kinesis';
import { setMaxListeners } from 'node:events';
import { deliverRecord, isWanted, type Place } from './handling';
import { LATEST, ShardReader } from './shard-reader';
import { contentOf } from './cloudevents';

/**
 * A live tail of one stream: every event from now on, to this instance, at most once, in order per
 * key. Nothing of it is stored.
 */
export class LiveTail {
  private readonly readers = new Map<string, ShardReader>();
  private readonly over = new Set<string>();
  private readonly end = new AbortController();
  private waiting = 0;
  private stopped = false;

  constructor(
    readonly stream: string,
    private readonly place: Place,
  ) {
    setMaxListeners(0, this.end.signal);
  }

  get problem(): string | undefined {
    return [...this.readers.values()].find((reader) => reader.problem)?.problem;
  }

  /** Resolves when nothing that is said from now on is missed. */
  async start(): Promise<void> {
    const { streams } = this.place;
    await streams.ensure(this.stream);
    const shards = await streams.shards(this.stream);
    for (const { id } of shards.filter(({ isOpen }) => !isOpen)) this.over.add(id);
    const readers = shards
      .filter(({ isOpen }) => isOpen)
      .map(({ id }) => this.readerOf(id, LATEST));
    await Promise.all(readers.map((reader) => reader.fix()));
    for (const reader of readers) reader.start();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all([...this.readers.values()].map((reader) => reader.stop()));
  }

  async close(): Promise<void> {
    await this.stop();
    this.end.abort(new Error(`${this.place.subscription.name}: the instance stops`));
  }

  private readerOf(shard: string, position: string): ShardReader {
    const sink = {
      take: (record: KinesisRecord) => this.take(record),
      ended: () => void this.goOnFrom(shard),
    };
    const reader = new ShardReader(this.stream, shard, position, sink, this.place);
    this.readers.set(shard, reader);
    return reader;
  }

  /**
   * Reads the successors of a split or merged shard from their beginning, once all their parents
   * were read to the end.
   */
  private async goOnFrom(shard: string): Promise<void> {
    this.over.add(shard);
    this.readers.delete(shard);
    const { streams, context } = this.place;
    const all = await streams.shards(this.stream).catch((error: Error) => {
      context.log(
        'warn',
        `${this.stream}: it is not known what ${shard} was split or merged into: ${error.message}`,
      );
      context.clock.after(1_000, () => void (this.stopped || this.goOnFrom(shard)));
      return [];
    });
    const known = new Set(all.map(({ id }) => id));
    const next = all.filter(
      ({ id, parents }) =>
        !this.over.has(id) &&
        !this.readers.has(id) &&
        parents.every((parent) => this.over.has(parent) || !known.has(parent)),
    );
    if (!this.stopped) for (const { id } of next) this.readerOf(id, '').start();
  }

  private take({ Data, SequenceNumber }: KinesisRecord): number {
    const { headers, body } = contentOf(Data);
    const { subscription, lanes } = this.place;
    if (!isWanted(subscription, headers) || headers.type === undefined) return this.waiting;
    this.waiting++;
    lanes.add(
      headers.partitionkey === undefined ? `id:${SequenceNumber}` : `key:${headers.partitionkey}`,
      async () => {
        if (!this.stopped) await deliverRecord(this.place, headers, body, false, this.end.signal);
        this.waiting--;
        for (const reader of this.readers.values()) reader.roomMade(this.waiting);
      },
    );
    return this.waiting;
  }
}
