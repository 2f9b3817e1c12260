/*
 * What we need of a Kafka client, and no more: kafkajs is behind it now (kafkajs.ts), another
 * client could be.
 */

export interface KafkaClient {
  /** Connected; rejects when no broker answers. */
  producer(): Promise<Producer>;
  admin(): Promise<Admin>;
  consumer(group: Group, listener: GroupListener): GroupConsumer;
}

/** A message on its way into a topic. */
export interface Outgoing {
  readonly topic: string;
  /** Chosen by us, so that a repeated attempt goes to the same one. */
  readonly partition: number;
  readonly key: Buffer | null;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Producer {
  /**
   * Resolves when every in-sync replica has all of them (acks=all), as one request a broker; what
   * was stored already is not stored twice within one call. Rejects with `Rejection`. After that
   * the producer is not to be used any more.
   */
  produce(messages: readonly Outgoing[]): Promise<void>;
  close(): Promise<void>;
}

/** Why messages were not confirmed. */
export class RejectionError extends Error {
  override readonly name = 'RejectionError';
  constructor(
    /**
     * 'unsent': nothing was stored. 'unknown': nobody knows. Others: nothing was stored, and trying
     * again at once does not help.
     */
    readonly what: 'unsent' | 'unknown' | 'no such topic' | 'too large' | 'refused' | 'not allowed',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * The cluster is there and not ready: it has just started, or moves a group. A moment later it may
 * be.
 */
export class ClusterNotReadyError extends Error {
  override readonly name = 'ClusterNotReadyError';
}

export interface Group {
  readonly id: string;
  readonly topics: readonly string[];
  /**
   * Where partitions are read from that the group has no position in. Partitions that a known topic
   * got later: from their beginning.
   */
  readonly from: 'beginning' | 'now' | Date;
  /** Whether positions are stored. If not, the group is one instance's and ends with it. */
  readonly durable: boolean;
}

/** A message as it was read. */
export interface Incoming {
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Batch {
  readonly topic: string;
  readonly partition: number;
  readonly messages: readonly Incoming[];
  /** Where reading goes on: everything below was read. */
  readonly next: number;
}

export interface Position {
  readonly topic: string;
  readonly partition: number;
  /** Of the next message to be handled. */
  readonly offset: number;
}

/** What a consumer tells. Nothing is brought between `revoked` and the next `assigned`. */
export interface GroupListener {
  assigned(partitions: readonly Omit<Position, 'offset'>[]): void;
  /**
   * All partitions are about to be given back; commits still count until this resolves. Must be
   * soon.
   */
  revoked(): Promise<void>;
  /**
   * Messages of one partition, in order, each once between `assigned` and `revoked`. The next ones
   * come when this resolves.
   */
  fetched(batch: Batch): Promise<void>;
  /** What lay between here and its position was deleted before it was read. */
  missed(topic: string, partition: number): void;
  /** The consumer is dead; another one is needed. */
  crashed(error: Error): void;
}

export interface GroupConsumer {
  /**
   * Resolves when the group is joined and positions of new partitions are stored. Rejects with
   * NotYet where another one may have more luck.
   */
  start(): Promise<void>;
  commit(positions: readonly Position[]): Promise<void>;
  pause(topic: string, partition: number): void;
  resume(topic: string, partition: number): void;
  /** Whether there is any connection to a broker. */
  readonly connected: boolean;
  /** Leaves the group. What was not committed is somebody else's. */
  close(): Promise<void>;
}

export interface TopicState {
  readonly name: string;
  readonly partitions: number;
  readonly replication: number;
}

export interface NewTopic {
  readonly name: string;
  /** Undefined: the cluster's default. */
  readonly partitions?: number;
  readonly replication?: number;
  readonly settings: Readonly<Record<string, string>>;
}

export interface Admin {
  names(): Promise<readonly string[]>;
  topic(name: string): Promise<TopicState | undefined>;
  /** Resolves when it is there, whoever made it. */
  create(topic: NewTopic): Promise<void>;
  /** Settings as they hold, defaults included. */
  settings(topic: string): Promise<Readonly<Record<string, string>>>;
  /** Messages in these topics that the group has not handled. */
  lag(group: string, topics: readonly string[]): Promise<number>;
  forgetGroup(group: string): Promise<void>;
  close(): Promise<void>;
}
