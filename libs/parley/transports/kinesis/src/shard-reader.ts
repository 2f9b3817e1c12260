import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  type GetShardIteratorCommandInput,
  type KinesisClient,
  type _Record as KinesisRecord,
} from '@aws-sdk/client-kinesis';
import { reasonOf } from '@parley/aws';
import type { TransportContext } from '@parley/messaging/transport';
import type { Address } from './address';
import { bounded } from './topology';

/**
 * Where to begin: '' at the beginning, LATEST at the end, `@` and milliseconds at a time, else
 * after that sequence number.
 */
export const LATEST = 'latest';
export const since = (milliseconds: number): string => `@${Math.floor(milliseconds)}`;

const RECORDS = 500;
/** Read and not finished: others wait in the shard. */
const AHEAD = 1_000;
/** Kinesis lets a shard be read five times a second, by everybody together. */
const SPACING_MS = 200;
const AGAIN_AFTER_MS = 1_000;

export interface ReaderPlace {
  readonly client: KinesisClient;
  readonly address: Address;
  readonly context: Pick<TransportContext, 'clock' | 'log'>;
}

export interface RecordListener {
  /** A record, in the order of the shard. Returns how many of them are not finished. */
  take(record: KinesisRecord): number;
  /** It was read to its end: splitting or merging made others of it. */
  ended(): void;
}

/** Reads one shard, from a position on, until told to stop. */
export class ShardReader {
  private iterator?: string;
  private stopped = false;
  private wake = () => {};
  private running?: Promise<void>;
  private hasRoom = true;
  /** Why nothing comes. */
  problem?: string;

  constructor(
    private readonly stream: string,
    readonly shard: string,
    /** The last position read. */
    private position: string,
    private readonly sink: RecordListener,
    private readonly place: ReaderPlace,
  ) {}

  /** Resolves when the position is fixed: from now on nothing is missed. */
  async fix(): Promise<void> {
    this.iterator = await this.iteratorAt(this.position);
  }

  start(): void {
    this.running = this.run();
  }

  /** Resolves when nothing more is taken. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.wake();
    await this.running;
  }

  /** Something was finished. */
  roomMade(unfinished: number): void {
    if (this.hasRoom || unfinished >= AHEAD) return;
    this.hasRoom = true;
    this.wake();
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      try {
        const wait = await this.read();
        if (wait === undefined) return this.sink.ended();
        if (wait > 0) await this.pause(wait);
        while (!this.hasRoom && !this.stopped) await this.pause(AGAIN_AFTER_MS);
      } catch (error) {
        await this.failed(error as Error);
      }
    }
  }

  /** Returns how long to wait before the next time; undefined: the shard is at its end. */
  private async read(): Promise<number | undefined> {
    const { client, address } = this.place;
    this.iterator ??= await this.iteratorAt(this.position);
    const answer = await client.send(
      new GetRecordsCommand({ ShardIterator: this.iterator, Limit: RECORDS }),
      bounded(),
    );
    this.problem = undefined;
    if (this.stopped) return SPACING_MS;
    this.iterator = answer.NextShardIterator;
    for (const record of answer.Records ?? []) this.take(record);
    if (this.iterator === undefined) return undefined;
    return answer.Records?.length || answer.MillisBehindLatest
      ? Math.min(SPACING_MS, address.poll)
      : address.poll;
  }

  private take(record: KinesisRecord): void {
    const from = startTime(this.position);
    if (from !== undefined && record.ApproximateArrivalTimestamp!.getTime() < from) return;
    this.position = record.SequenceNumber!;
    this.hasRoom = this.sink.take(record) < AHEAD;
  }

  private async iteratorAt(position: string): Promise<string> {
    const { client } = this.place;
    const { ShardIterator } = await client.send(
      new GetShardIteratorCommand({
        StreamName: this.stream,
        ShardId: this.shard,
        ...this.iteratorType(position),
      }),
      bounded(),
    );
    return ShardIterator!;
  }

  private iteratorType(
    position: string,
  ): Pick<
    GetShardIteratorCommandInput,
    'ShardIteratorType' | 'StartingSequenceNumber' | 'Timestamp'
  > {
    const from = startTime(position);
    if (position === '') return { ShardIteratorType: 'TRIM_HORIZON' };
    if (position === LATEST) return { ShardIteratorType: 'LATEST' };
    if (from === undefined)
      return { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: position };
    // Kinesalite never answers when there is no record newer than that time; `take` leaves out
    // older ones, too.
    if (this.place.address.endpoint !== undefined) return { ShardIteratorType: 'TRIM_HORIZON' };
    return { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: new Date(from) };
  }

  private async failed(error: Error): Promise<void> {
    // Iterators live for five minutes, and belong to one stream: another one is asked for.
    const isExpired = error.name === 'ExpiredIteratorException';
    if (this.position !== LATEST || isExpired) this.iterator = undefined;
    if (isExpired) return;
    if (!this.stopped && this.problem === undefined)
      this.place.context.log(
        'warn',
        `${this.stream}, ${this.shard}: cannot be read now: ${reasonOf(error)}`,
      );
    this.problem = reasonOf(error);
    await this.pause(AGAIN_AFTER_MS);
  }

  private async pause(milliseconds: number): Promise<void> {
    if (this.stopped) return;
    await new Promise<void>((resolve) => {
      const cancel = this.place.context.clock.after(milliseconds, resolve);
      this.wake = () => (cancel(), resolve());
    });
  }
}

const startTime = (position: string): number | undefined =>
  position.startsWith('@') ? Number(position.slice(1)) : undefined;
