/*
 * The part of a Kafka client that the kit needs. kafkajs implements it now (kafkajs.ts); another
 * client could.
 */

export interface KafkaClient {
  /** Returns a connected producer; rejects when no broker answers. */
  producer(): Promise<Producer>;
  admin(): Promise<Admin>;
  consumer(group: Group, listener: GroupListener): GroupConsumer;
}

/** A message to be written to a topic. */
export interface Outgoing {
  readonly topic: string;
  /** Chosen by the kit, so that a repeated attempt goes to the same partition. */
  readonly partition: number;
  readonly key: Buffer | null;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Producer {
  /**
   * Resolves when every in-sync replica has all messages (acks=all), sent as one request per
   * broker; messages that were stored already are not stored twice within one call. After a
   * rejection the producer must not be used any more.
   * @throws RejectionError
   */
  produce(messages: readonly Outgoing[]): Promise<void>;
  close(): Promise<void>;
}

/** Messages were not confirmed. */
export class RejectionError extends Error {
  override readonly name = 'RejectionError';
  constructor(
    /**
     * 'unsent': nothing was stored. 'unknown': it is unknown whether anything was stored. Others:
     * nothing was stored, and trying again at once does not help.
     */
    readonly what: 'unsent' | 'unknown' | 'no such topic' | 'too large' | 'refused' | 'not allowed',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * The cluster was reached and is not ready: it has just started, or moves a group. Try again soon.
 */
export class ClusterNotReadyError extends Error {
  override readonly name = 'ClusterNotReadyError';
}

export interface Group {
  readonly id: string;
  readonly topics: readonly string[];
  /**
   * Start of partitions for which the group has no position. Partitions that a known topic got
   * later are read from their beginning.
   */
  readonly from: 'beginning' | 'now' | Date;
  /** True when positions are stored. If not, the group belongs to one instance and ends with it. */
  readonly durable: boolean;
}

/** A message read from a topic. */
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
  /** The offset to read next: all messages below it were read. */
  readonly next: number;
}

export interface Position {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the next message to be handled. */
  readonly offset: number;
}

/**
 * Receives the events of a consumer. No batch is delivered between `revoked` and the next
 * `assigned`.
 */
export interface GroupListener {
  assigned(partitions: readonly Omit<Position, 'offset'>[]): void;
  /**
   * All partitions are about to be revoked; commits still count until this resolves. Must resolve
   * soon.
   */
  revoked(): Promise<void>;
  /**
   * Delivers messages of one partition, in order, each once between `assigned` and `revoked`. The
   * next batch comes when this resolves.
   */
  fetched(batch: Batch): Promise<void>;
  /** Messages at the position were deleted before they were read. */
  missed(topic: string, partition: number): void;
  /** The consumer has ended; create another one. */
  crashed(error: Error): void;
}

export interface GroupConsumer {
  /**
   * Resolves when the group is joined and positions of new partitions are stored.
   * @throws ClusterNotReadyError where another attempt may succeed
   */
  start(): Promise<void>;
  commit(positions: readonly Position[]): Promise<void>;
  pause(topic: string, partition: number): void;
  resume(topic: string, partition: number): void;
  /** True when there is any connection to a broker. */
  readonly connected: boolean;
  /** Leaves the group. Uncommitted messages go to other members. */
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
  /** Resolves when the topic exists, also when another process created it. */
  create(topic: NewTopic): Promise<void>;
  /** Returns the effective settings, defaults included. */
  settings(topic: string): Promise<Readonly<Record<string, string>>>;
  /** Returns the number of messages in these topics that the group has not handled. */
  lag(group: string, topics: readonly string[]): Promise<number>;
  forgetGroup(group: string): Promise<void>;
  close(): Promise<void>;
}
