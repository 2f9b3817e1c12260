import { TopologyMismatchError } from '@parley/aws';
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  IncreaseStreamRetentionPeriodCommand,
  type KinesisClient,
  ListShardsCommand,
  type Shard as KinesisShard,
  type StreamDescriptionSummary,
} from '@aws-sdk/client-kinesis';
import type { Kind } from '@parley/contract';
import type { Resource, Shard, TransportContext } from '@parley/messaging/transport';
import { abortAfter, sleep } from '@parley/resilience';
import type { Address } from './address';

const LONGEST_NAME = 128;
const BOUND_MS = 10_000;
const LOOK_EVERY_MS = 250;

/** A stream per owner and kind. No owner's name has a dot. */
export const streamName = ({ prefix }: Address, owner: string, kind: Kind): string =>
  `${prefix}${owner}.${kind}s`;

/** The stream as `topology` prints it. */
export const resourceOf = (address: Address, owner: string, kind: Kind): Resource => ({
  what: 'stream',
  name: streamName(address, owner, kind),
  settings: { ShardCount: address.shards, RetentionPeriodHours: address.retention },
});

/** Knows which streams exist; makes them, or checks them. */
export class Streams {
  private readonly known = new Map<string, Promise<void>>();

  constructor(
    private readonly client: KinesisClient,
    private readonly address: Address,
    private readonly mode: TransportContext['topology'] = 'create',
  ) {}

  /** The stream exists and can be used. Asked once. */
  ensure(stream: string): Promise<void> {
    const known = this.known.get(stream);
    if (known) return known;
    const declaring = this.declare(stream);
    this.known.set(stream, declaring);
    declaring.catch(() => this.known.delete(stream));
    return declaring;
  }

  /** The stream was deleted: it is created again when it is needed again. */
  forget(stream: string): void {
    this.known.delete(stream);
  }

  /** @returns undefined when there is none */
  async find(stream: string): Promise<StreamDescriptionSummary | undefined> {
    try {
      return (
        await this.client.send(new DescribeStreamSummaryCommand({ StreamName: stream }), bounded())
      ).StreamDescriptionSummary;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Closed shards, which take no new records, are included. */
  async shards(stream: string): Promise<readonly (Shard & { readonly isOpen: boolean })[]> {
    const shards: KinesisShard[] = [];
    let next: string | undefined;
    do {
      const page = await this.client.send(
        new ListShardsCommand(next === undefined ? { StreamName: stream } : { NextToken: next }),
        bounded(),
      );
      shards.push(...(page.Shards ?? []));
      next = page.NextToken;
    } while (next !== undefined);
    return shards.map(({ ShardId, ParentShardId, AdjacentParentShardId, SequenceNumberRange }) => ({
      id: ShardId!,
      parents: [ParentShardId, AdjacentParentShardId].filter((parent) => parent !== undefined),
      isOpen: SequenceNumberRange?.EndingSequenceNumber === undefined,
    }));
  }

  private async declare(stream: string): Promise<void> {
    if (stream.length > LONGEST_NAME)
      throw new TopologyMismatchError(
        this.address,
        `the stream ${stream}`,
        `has a name of more than ${LONGEST_NAME} characters; shorten the prefix or the service's name`,
      );
    const found = await this.find(stream);
    if (found === undefined && this.mode === 'verify') {
      throw new TopologyMismatchError(
        this.address,
        `the stream ${stream}`,
        'does not exist, and this service may not make it; create it as `parley topology` prints it',
      );
    }
    if (found === undefined) return this.create(stream);
    const { RetentionPeriodHours: hours = 0 } = await this.becomeActive(stream, found);
    if (hours >= this.address.retention) return;
    throw new TopologyMismatchError(
      this.address,
      `the stream ${stream}`,
      `keeps what is in it for ${hours} h instead of ${this.address.retention} h; raise that, or set ?retention=${hours}h`,
    );
  }

  private async create(stream: string): Promise<void> {
    const { shards, retention } = this.address;
    try {
      await this.client.send(
        new CreateStreamCommand({ StreamName: stream, ShardCount: shards }),
        bounded(),
      );
    } catch (error) {
      if ((error as Error).name !== 'ResourceInUseException') throw error;
    }
    const { RetentionPeriodHours: hours = 0 } = await this.becomeActive(stream);
    if (hours < retention) await this.keepLonger(stream);
  }

  /** Of several instances that create it at the same time, one is the first to raise it. */
  private async keepLonger(stream: string): Promise<void> {
    const raise = new IncreaseStreamRetentionPeriodCommand({
      StreamName: stream,
      RetentionPeriodHours: this.address.retention,
    });
    await this.client.send(raise, bounded()).catch((error: Error) => {
      if (!/InvalidArgument|ResourceInUse/.test(error.name)) throw error;
    });
    await this.becomeActive(stream);
  }

  /** AWS takes its time to make one; that of a start and of a publishing is bounded. */
  private async becomeActive(
    stream: string,
    found?: StreamDescriptionSummary,
  ): Promise<StreamDescriptionSummary> {
    const until = performance.now() + BOUND_MS;
    for (let current = found; ; current = await this.find(stream)) {
      if (current?.StreamStatus === 'ACTIVE' || current?.StreamStatus === 'UPDATING')
        return current;
      if (performance.now() > until)
        throw new TopologyMismatchError(
          this.address,
          `the stream ${stream}`,
          `is not there after ${BOUND_MS / 1_000} s (${current?.StreamStatus ?? 'missing'}); AWS may take a minute to make one: try again then`,
        );
      await sleep(current ? LOOK_EVERY_MS : 0);
    }
  }
}

export const isMissing = (error: unknown): boolean =>
  (error as Error).name === 'ResourceNotFoundException';

/** For one request: Kinesis answers in time, or not at all. */
export const bounded = (milliseconds = BOUND_MS): { readonly abortSignal: AbortSignal } => ({
  abortSignal: abortAfter(milliseconds),
});
