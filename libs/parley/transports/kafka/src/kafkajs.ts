import { ClientKafka } from '@nestjs/microservices';
import { socketHost, settledWithin } from '@parley/messaging/transport';
import {
  type Admin as KafkaJsAdmin,
  ConfigResourceTypes,
  Kafka,
  type KafkaConfig,
  logLevel,
  Partitioners,
  type ProducerBatch,
} from 'kafkajs';
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Address } from './address';
import {
  type Admin,
  type Group,
  type GroupConsumer,
  type GroupListener,
  type KafkaClient,
  type NewTopic,
  type Outgoing,
  type Producer,
  RejectionError,
  type TopicState,
} from './client';
import { KafkaJsConsumer } from './kafkajs-consumer';

/** Logs the client's own messages, at debug level. */
export type Note = (message: string) => void;

const CONNECTED_WITHIN_MS = 3_000;
/** Two attempts fit into the time limit of a publish. */
const PRODUCED_WITHIN_MS = 4_500;
const ANSWERED_WITHIN_MS = 10_000;
const CLOSED_WITHIN_MS = 2_000;
const KEEP_ALIVE_MS = 30_000;
/** All values are set: kafkajs has other defaults when it detects a test. */
const RETRY = {
  retries: 2,
  initialRetryTime: 100,
  maxRetryTime: 1_000,
  factor: 0.2,
  multiplier: 2,
};

/** The client by kafkajs 2; it counts its connections. */
export class KafkaJsClient implements KafkaClient {
  constructor(
    private readonly address: Address,
    private readonly name: string,
    private readonly note: Note,
  ) {}

  async producer(): Promise<Producer> {
    const producer = new KafkaJsProducer(this.kafka(PRODUCED_WITHIN_MS));
    await producer.connect();
    return producer;
  }

  async admin(): Promise<Admin> {
    const admin = this.kafka(ANSWERED_WITHIN_MS).admin();
    await admin.connect();
    return new KafkaJsAdministration(admin);
  }

  consumer(group: Group, listener: GroupListener): GroupConsumer {
    const sockets = new Set<Socket>();
    return new KafkaJsConsumer(
      this.kafka(ANSWERED_WITHIN_MS, sockets),
      group,
      listener,
      this.address.session,
      {
        isOpen: () => sockets.size > 0,
        hangUp: () => sockets.forEach((socket) => socket.destroy(new Error('silent'))),
      },
    );
  }

  private kafka(requestTimeout: number, sockets = new Set<Socket>()): Kafka {
    const { brokers, tls, user } = this.address;
    const config: KafkaConfig = {
      clientId: this.name,
      brokers: brokers.map(seedOf),
      ssl: tls,
      ...(user && {
        sasl: {
          mechanism: user.mechanism as 'plain',
          username: user.name,
          password: user.password,
        },
      }),
      connectionTimeout: CONNECTED_WITHIN_MS,
      authenticationTimeout: CONNECTED_WITHIN_MS,
      requestTimeout,
      retry: RETRY,
      socketFactory: ({ host, port, ssl, onConnect }) =>
        counted(sockets, open(this.placeOf(host, port), ssl && (ssl as object), onConnect)),
      logLevel: logLevel.WARN,
      logCreator: () => (entry) => this.note(`${entry.namespace}: ${entry.log.message}`),
    };
    return new Kafka(config);
  }

  private placeOf(host: string, port: number): { host: string; port: number; servername: string } {
    const { brokers, forwarded } = this.address;
    const number = SEED.exec(host)?.[1];
    const seed =
      number === undefined ? host : socketHost(placeIn(brokers[Number(number)]!).hostname);
    if (!forwarded) return { host: seed, port, servername: seed };
    const via = placeIn(brokers[0]!);
    return { host: socketHost(via.hostname), port: Number(via.port), servername: seed };
  }
}

/**
 * Returns the address of a bootstrap broker. kafkajs cuts addresses at the first colon, so an IPv6
 * address gets a name that only `placeOf` resolves.
 */
const seedOf = (broker: string, number: number): string =>
  broker.startsWith('[') ? `ipv6-${number}:${placeIn(broker).port}` : broker;
const SEED = /^ipv6-(\d+)$/;

const placeIn = (broker: string): URL => new URL(`kafka://${broker}`);

function open(
  { servername, ...place }: { host: string; port: number; servername: string },
  tls: object | undefined,
  onConnect: () => void,
): Socket {
  const socket = tls
    ? connectTls({ ...place, ...(isIP(servername) === 0 && { servername }), ...tls }, onConnect)
    : connectPlain(place, onConnect);
  return socket.setKeepAlive(true, KEEP_ALIVE_MS).setNoDelay(true);
}

function counted(sockets: Set<Socket>, socket: Socket): Socket {
  sockets.add(socket);
  // kafkajs leaks a listener per failed disconnect; lift the limit.
  socket.setMaxListeners(0);
  return socket.once('close', () => sockets.delete(socket));
}

/**
 * Nest's client, used only as a producer. Idempotent, which in kafkajs is sound under three
 * conditions that publisher.ts keeps: one send at a time, partitions chosen before the first
 * attempt, and a new producer after a failed send (kafkajs resets its sequence numbers, and the
 * broker would take the next messages for copies of the failed ones).
 */
class KafkaJsProducer extends ClientKafka implements Producer {
  constructor(private readonly kafka: Kafka) {
    super({
      producerOnlyMode: true,
      producer: {
        idempotent: true,
        allowAutoTopicCreation: false,
        createPartitioner: Partitioners.DefaultPartitioner,
        retry: { ...RETRY, retries: 1 },
      },
    });
  }

  /** Nest 12 awaits the client, Nest 11 takes what it is given: both get the client itself. */
  override createClient<T>(): Promise<T> {
    return this.kafka as never;
  }

  async produce(messages: readonly Outgoing[]): Promise<void> {
    try {
      await this.producer.sendBatch({
        acks: -1,
        timeout: PRODUCED_WITHIN_MS,
        ...byTopic(messages),
      });
    } catch (error) {
      throw rejectionOf(error);
    }
  }

  override async close(): Promise<void> {
    // kafkajs waits for replies that may never come.
    await settledWithin(CLOSED_WITHIN_MS, super.close());
  }
}

function byTopic(messages: readonly Outgoing[]): Pick<ProducerBatch, 'topicMessages'> {
  const topics = new Map<string, Outgoing[]>();
  for (const message of messages) {
    const others = topics.get(message.topic);
    if (others) others.push(message);
    else topics.set(message.topic, [message]);
  }
  return { topicMessages: [...topics].map(([topic, list]) => ({ topic, messages: list })) };
}

/** Protocol errors after which nothing was stored and nothing will be. */
const FINAL: Readonly<Record<string, RejectionError['what']>> = {
  UNKNOWN_TOPIC_OR_PARTITION: 'no such topic',
  INVALID_TOPIC_EXCEPTION: 'no such topic',
  MESSAGE_TOO_LARGE: 'too large',
  RECORD_LIST_TOO_LARGE: 'too large',
  TOPIC_AUTHORIZATION_FAILED: 'not allowed',
  CLUSTER_AUTHORIZATION_FAILED: 'not allowed',
  INVALID_RECORD: 'refused',
  POLICY_VIOLATION: 'refused',
  NOT_ENOUGH_REPLICAS: 'unsent',
};

function rejectionOf(thrown: unknown): RejectionError {
  const error = innermost(thrown) as Error & { type?: string; code?: string };
  const never =
    error.code === 'ECONNREFUSED' ||
    error.code === 'ENOTFOUND' ||
    error.message === 'Connection timeout';
  return new RejectionError(
    FINAL[error.type ?? ''] ?? (never ? 'unsent' : 'unknown'),
    error.message,
    {
      cause: error,
    },
  );
}

/** Returns the innermost error: kafkajs wraps it in the number of attempts. */
function innermost(thrown: unknown): Error {
  let error = thrown instanceof Error ? thrown : new Error(String(thrown));
  while (error.cause instanceof Error) error = error.cause;
  return error;
}

const isMissing = (thrown: unknown): boolean => {
  const { type } = innermost(thrown) as { type?: string };
  return type === 'UNKNOWN_TOPIC_OR_PARTITION';
};

/**
 * Replaces a TypeError of kafkajs by an outage: when no broker answered, kafkajs reads its null
 * reply. The caller made no mistake.
 */
function orNoAnswer(thrown: unknown): never {
  const isNull =
    thrown instanceof TypeError &&
    ['null', "'topicMetadata'"].every((word) => thrown.message.includes(word));
  throw isNull ? new Error('no broker answered') : thrown;
}

class KafkaJsAdministration implements Admin {
  constructor(private readonly admin: KafkaJsAdmin) {}

  names(): Promise<readonly string[]> {
    return this.admin.listTopics().catch(orNoAnswer);
  }

  async topic(name: string): Promise<TopicState | undefined> {
    try {
      const { topics } = await this.admin.fetchTopicMetadata({ topics: [name] }).catch(orNoAnswer);
      const partitions = topics[0]?.partitions ?? [];
      return {
        name,
        partitions: partitions.length,
        replication: Math.min(...partitions.map(({ replicas }) => replicas.length)),
      };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw innermost(error);
    }
  }

  async create({ name, partitions = -1, replication = -1, settings }: NewTopic): Promise<void> {
    const configEntries = Object.entries(settings).map(([setting, value]) => ({
      name: setting,
      value,
    }));
    try {
      await this.admin.createTopics({
        topics: [
          { topic: name, numPartitions: partitions, replicationFactor: replication, configEntries },
        ],
        waitForLeaders: true,
        timeout: ANSWERED_WITHIN_MS,
      });
    } catch (error) {
      const { errors = [] } = error as { errors?: readonly Error[] };
      const cause = innermost(errors[0] ?? error);
      // Created, and not known to every broker yet.
      if (!isMissing(cause)) throw cause;
    }
  }

  async settings(topic: string): Promise<Readonly<Record<string, string>>> {
    const { resources } = await this.admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }],
    });
    return Object.fromEntries(
      (resources[0]?.configEntries ?? []).map(({ configName, configValue }) => [
        configName,
        configValue,
      ]),
    );
  }

  async lag(group: string, topics: readonly string[]): Promise<number> {
    const committed = await this.admin.fetchOffsets({ groupId: group, topics: [...topics] });
    const sums = await Promise.all(
      committed.map(async ({ topic, partitions }) => {
        const ends = await this.admin.fetchTopicOffsets(topic);
        const positions = new Map(
          partitions.map(({ partition, offset }) => [partition, Number(offset)]),
        );
        return sum(
          ends.map(({ partition, high, low }) =>
            Math.max(0, Number(high) - Math.max(Number(low), positions.get(partition) ?? -1)),
          ),
        );
      }),
    );
    return sum(sums);
  }

  async forgetGroup(group: string): Promise<void> {
    await this.admin.deleteGroups([group]);
  }

  async close(): Promise<void> {
    await settledWithin(CLOSED_WITHIN_MS, this.admin.disconnect());
  }
}

const sum = (numbers: readonly number[]): number =>
  numbers.reduce((total, number) => total + number, 0);
