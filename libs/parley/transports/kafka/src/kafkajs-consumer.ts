import {
  type Cluster,
  type Consumer,
  type EachBatchPayload,
  type Kafka,
  type KafkaMessage,
  type PartitionAssigner,
  PartitionAssigners,
  type TopicOffsets,
} from 'kafkajs';
import {
  type Group,
  type GroupConsumer,
  type GroupListener,
  type Incoming,
  ClusterNotReadyError,
  type Position,
} from './client';
import { textsOf } from './cloudevents';
import { isComingUp } from './coming-up';

/**
 * Milliseconds that the broker waits for messages before it replies "none"; also the longest delay
 * until a resumed partition is read again.
 */
const NEWS_WITHIN_MS = 500;
/** Also the delay until a member learns that another one joined or left. */
const HEARTBEAT_EVERY_MS = 300;
/** Longer than `revoked` can take. */
const REJOINED_WITHIN_MS = 30_000;
const PARTITIONS_AT_A_TIME = 64;
const RETRY = {
  retries: 6,
  initialRetryTime: 100,
  maxRetryTime: 1_000,
  factor: 0.2,
  multiplier: 2,
  restartOnFailure: async () => false,
};

/** Special timestamps for both ends of a partition, in a request for offsets. */
const [EARLIEST, LATEST] = [-2, -1];
/**
 * The coordinator's reply where the group has no position; kafkajs stores EARLIEST where the
 * position was deleted.
 */
const NO_POSITION = -1;

/** Members of the cluster that kafkajs passes to assigners without declaring them. */
type OpenCluster = Cluster & {
  committedOffsets(of: { groupId: string }): Record<string, Record<number, string>>;
};
type Unresolved = Parameters<Cluster['fetchTopicsOffset']>[0];
type Committed = {
  readonly partition: number;
  readonly offset: string;
  readonly metadata?: string | null;
};

/** The connections of one consumer. */
export interface Connections {
  isOpen(): boolean;
  hangUp(): void;
}

/**
 * A member of a group, by kafkajs, with two hooks that kafkajs lacks. kafkajs passes its cluster to
 * the partition assigner, and asks the cluster
 * - for the group's coordinator before every join: the moment to finish running handlers
 * (`revoked`);
 * - for offsets where the group has no position: the moment to store where it starts, before
 * anything is read.
 */
export class KafkaJsConsumer implements GroupConsumer {
  private readonly consumer: Consumer;
  private cluster?: OpenCluster;
  private joined = false;
  private closing = false;
  private started = false;
  /** A request was not answered, and none since. */
  private isSilent = false;
  /** Where each partition is read on, in this membership. */
  private positions = new Map<string, number>();
  private ready: { resolve: () => void; reject: (error: Error) => void } = {
    resolve: () => undefined,
    reject: () => undefined,
  };

  constructor(
    kafka: Kafka,
    private readonly group: Group,
    private readonly listener: GroupListener,
    sessionTimeout: number,
    private readonly connections: Connections,
  ) {
    this.consumer = kafka.consumer({
      groupId: group.id,
      partitionAssigners: [this.assigner],
      sessionTimeout,
      rebalanceTimeout: REJOINED_WITHIN_MS,
      heartbeatInterval: HEARTBEAT_EVERY_MS,
      maxWaitTimeInMs: NEWS_WITHIN_MS,
      allowAutoTopicCreation: false,
      retry: RETRY,
    });
    const { GROUP_JOIN, STOP, CRASH, FETCH, START_BATCH_PROCESS, REQUEST, REQUEST_TIMEOUT } =
      this.consumer.events;
    this.consumer.on(REQUEST, () => (this.isSilent = false));
    this.consumer.on(REQUEST_TIMEOUT, () => this.fallSilent());
    this.consumer.on(GROUP_JOIN, ({ payload }) => this.join(payload.memberAssignment));
    this.consumer.on(FETCH, () => this.begun());
    this.consumer.on(START_BATCH_PROCESS, ({ payload }) => this.passOver(payload));
    this.consumer.on(STOP, () => (this.joined = false));
    this.consumer.on(CRASH, ({ payload }) => this.crash(payload.error));
  }

  get connected(): boolean {
    return !this.isSilent && this.connections.isOpen();
  }

  async start(): Promise<void> {
    const ready = new Promise<void>((resolve, reject) => (this.ready = { resolve, reject }));
    ready.catch(() => undefined);
    try {
      await this.consumer.connect();
      // Where a position was deleted, reading continues with the earliest remaining message.
      await this.consumer.subscribe({ topics: [...this.group.topics], fromBeginning: true });
      await this.consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: PARTITIONS_AT_A_TIME,
        eachBatch: (payload) => this.take(payload),
      });
      await ready;
    } catch (error) {
      throw isGettingReady(error)
        ? new ClusterNotReadyError((error as Error).message, { cause: error })
        : error;
    }
  }

  async commit(positions: readonly Position[]): Promise<void> {
    const named = positions.map(({ topic, partition, offset }) => ({
      topic,
      partition,
      offset: String(offset),
      metadata: this.partitionsKnown(topic),
    }));
    await this.consumer.commitOffsets(named);
  }

  /** Only a member can pause; after a new join all assigned partitions are read. */
  pause(topic: string, partition: number): void {
    if (this.joined && !this.closing) this.consumer.pause([{ topic, partitions: [partition] }]);
  }

  resume(topic: string, partition: number): void {
    if (this.joined && !this.closing) this.consumer.resume([{ topic, partitions: [partition] }]);
  }

  async close(): Promise<void> {
    this.closing = true;
    await this.consumer.disconnect();
  }

  private readonly assigner: PartitionAssigner = (config) => {
    this.cluster = config.cluster as OpenCluster;
    const { cluster } = this;
    const [coordinator, offsets] = [
      cluster.findGroupCoordinator.bind(cluster),
      cluster.fetchTopicsOffset.bind(cluster),
    ];
    cluster.findGroupCoordinator = async (group) => {
      await this.leave();
      return coordinator(group);
    };
    cluster.fetchTopicsOffset = async (unresolved) => {
      const { responses } = await (
        await coordinator({ groupId: this.group.id })
      ).offsetFetch({ groupId: this.group.id, topics: this.allOf(unresolved) });
      return this.begin(unresolved, responses, offsets);
    };
    return PartitionAssigners.roundRobin(config);
  };

  /**
   * Closes the connections: kafkajs would repeat the request over the same ones, seven times for 10
   * s, in vain when the network lost them.
   */
  private fallSilent(): void {
    this.isSilent = true;
    this.connections.hangUp();
  }

  /** Runs before each join, the first one included. */
  private async leave(): Promise<void> {
    if (!this.joined) return;
    this.joined = false;
    if (!this.closing) await this.listener.revoked();
  }

  private join(assignment: Readonly<Record<string, readonly number[]>>): void {
    if (this.closing) return;
    const assigned = Object.entries(assignment).flatMap(([topic, partitions]) =>
      partitions.map((partition) => ({ topic, partition })),
    );
    this.joined = true;
    if (this.group.durable) this.positions = new Map();
    this.consumer.resume(this.consumer.paused());
    this.listener.assigned(assigned);
    if (assigned.length === 0) this.begun();
  }

  /**
   * Takes a batch; kafkajs reads on as soon as its offset is resolved. A batch fetched before a new
   * join is ignored: its messages are read again, from the current position.
   */
  private async take({ batch, resolveOffset }: EachBatchPayload): Promise<void> {
    const { topic, partition, messages } = batch;
    const from = Number((batch as unknown as { fetchedOffset: string }).fetchedOffset);
    const last = messages.at(-1);
    if (!this.joined || this.closing || !last || from !== this.positionOf(topic, partition)) return;
    resolveOffset(last.offset);
    const next = Number(batch.lastOffset()) + 1;
    this.positions.set(nameOf(topic, partition), next);
    await this.listener.fetched({ topic, partition, next, messages: messages.map(incoming) });
  }

  /**
   * Moves the position past batches without messages, such as transaction markers: kafkajs skips
   * them by itself.
   */
  private passOver({
    topic,
    partition,
    batchSize,
    lastOffset,
  }: {
    topic: string;
    partition: number;
    batchSize: number;
    lastOffset: string;
  }): void {
    if (batchSize > 0 || !this.joined) return;
    this.positions.set(nameOf(topic, partition), Number(lastOffset) + 1);
    void this.listener.fetched({ topic, partition, next: Number(lastOffset) + 1, messages: [] });
  }

  private positionOf(topic: string, partition: number): number {
    const known = this.positions.get(nameOf(topic, partition));
    return (
      known ??
      Number(this.cluster!.committedOffsets({ groupId: this.group.id })[topic]?.[partition])
    );
  }

  /**
   * Determines the start of partitions that have no usable position, and stores it before any
   * message of them is read.
   */
  private async begin(
    unresolved: Unresolved,
    stored: readonly TopicOffsets[],
    ask: Cluster['fetchTopicsOffset'],
  ): Promise<TopicOffsets[]> {
    const found: TopicOffsets[] = [];
    for (const { topic, partitions } of unresolved) {
      const committed = (stored.find((one) => one.topic === topic)?.partitions ??
        []) as readonly Committed[];
      const starts = await Promise.all(
        partitions.map(({ partition }) => this.startOf(topic, partition, committed, ask)),
      );
      found.push({ topic, partitions: starts });
    }
    if (this.group.durable)
      await this.commit(
        found.flatMap(({ topic, partitions }) =>
          partitions.map(({ partition, offset }) => ({ topic, partition, offset: Number(offset) })),
        ),
      );
    this.begun();
    return found;
  }

  private async startOf(
    topic: string,
    partition: number,
    committed: readonly Committed[],
    ask: Cluster['fetchTopicsOffset'],
  ) {
    const at = async (fromTimestamp: number) =>
      (await ask([{ topic, partitions: [{ partition }], fromTimestamp }]))[0]!.partitions[0]!
        .offset;
    const wasDeleted =
      Number(committed.find((one) => one.partition === partition)?.offset) < NO_POSITION;
    if (wasDeleted) {
      this.positions.delete(nameOf(topic, partition));
      this.listener.missed(topic, partition);
    }
    const known = this.positions.get(nameOf(topic, partition));
    if (known !== undefined) return { partition, offset: String(known) };
    const offset = await at(
      wasDeleted || cameLater(partition, committed) ? EARLIEST : timeOf(this.group.from),
    );
    // No message is newer than that time.
    return { partition, offset: Number(offset) < 0 ? await at(LATEST) : offset };
  }

  private allOf(unresolved: Unresolved): TopicOffsets[] {
    const partitions = (topic: string) =>
      this.cluster!.findTopicPartitionMetadata(topic).map(
        ({ partitionId }) => ({ partition: partitionId }) as never,
      );
    return unresolved.map(({ topic }) => ({ topic, partitions: partitions(topic) }));
  }

  /**
   * Metadata stored with each position: the number of partitions. It distinguishes partitions that
   * a topic got later from those in which the group just never had a position.
   */
  private partitionsKnown(topic: string): string {
    return String(this.cluster?.findTopicPartitionMetadata(topic).length ?? 0);
  }

  private begun(): void {
    this.started = true;
    this.ready.resolve();
  }

  /** Rejects the caller of `start` until reading begins; afterwards calls the listener. */
  private crash(error: Error): void {
    this.joined = false;
    if (!this.started) this.ready.reject(error);
    else if (!this.closing) this.listener.crashed(error);
  }
}

/** A topic that was just created is not known to every broker yet. */
const isGettingReady = (error: unknown): boolean => isComingUp(error) || isUnknown(error);

const isUnknown = (error: unknown): boolean =>
  error instanceof Error &&
  ((error as { type?: unknown }).type === 'UNKNOWN_TOPIC_OR_PARTITION' || isUnknown(error.cause));

const nameOf = (topic: string, partition: number): string => `${topic}/${partition}`;

const cameLater = (partition: number, committed: readonly Committed[]): boolean =>
  committed.some(
    ({ offset, metadata }) =>
      Number(offset) >= 0 && metadata !== '' && Number(metadata ?? NaN) <= partition,
  );

const timeOf = (from: Group['from']): number =>
  from === 'beginning' ? EARLIEST : from === 'now' ? LATEST : from.getTime();

const incoming = ({ offset, key, value, headers = {} }: KafkaMessage): Incoming => ({
  offset: Number(offset),
  key,
  value,
  headers: textsOf(headers),
});
