import type { Contract, Kind } from '@parley/contract';
import type { Technology } from '@parley/messaging';
import type {
  Deliver,
  Finding,
  SubscriptionRegistry,
  Hop,
  Consumer,
  OutgoingMessage,
  Resource,
  Transport,
  TransportContext,
  RegisteredSubscription,
} from '@parley/messaging/transport';
import { Address } from './address';
import type { KafkaClient } from './client';
import { KafkaConsumerServer } from './consumer-server';
import { KafkaJsClient } from './kafkajs';
import { KafkaPublisher } from './publisher';
import { type Stored, topicOf, Topics } from './topology';

export const kafka: Technology = {
  name: 'kafka',
  schemes: ['kafka', 'kafkas'],
  kinds: ['command', 'broadcast', 'event'],
  open: (url, context) => new KafkaTransport(new Address(url), context),
};

class KafkaTransport implements Transport {
  readonly technology = 'kafka';
  readonly delays = false;
  readonly address: string;
  private readonly client: KafkaClient;
  private readonly topics: Topics;
  private readonly publisher: KafkaPublisher;

  constructor(
    private readonly where: Address,
    private readonly context: TransportContext,
  ) {
    this.address = where.toString();
    this.client = new KafkaJsClient(where, context.instance, (message) =>
      context.log('debug', `Kafka at ${where}: ${message}`),
    );
    this.topics = new Topics(this.client, where, context);
    this.publisher = new KafkaPublisher(this.client, this.topics, where, context);
  }

  get maxBodyBytes(): number {
    return this.topics.largest;
  }

  connect(): Promise<void> {
    return this.publisher.connect();
  }

  publish(messages: readonly OutgoingMessage[]): Promise<void> {
    return this.publisher.publish(messages);
  }

  consumer(kind: Stored, registry: SubscriptionRegistry, deliver: Deliver): Consumer {
    return new KafkaConsumerServer(kind, this.where, registry, deliver, {
      client: this.client,
      topics: this.topics,
      context: this.context,
    });
  }

  describe({ kind, owner, key }: Contract): readonly Hop[] {
    if (kind === 'call') return [];
    const topic = { what: 'topic', name: topicOf(kind, owner), why: WHY[kind] };
    const partition = {
      what: 'partition',
      name: `by ${key}`,
      why: `murmur2 of the key's bytes, as every Kafka client does: those of one ${key} stay in order`,
    };
    return key === undefined ? [topic] : [topic, partition];
  }

  topology(
    sent: readonly Contract[],
    handled: readonly RegisteredSubscription[],
  ): readonly Resource[] {
    const contracts = [
      ...sent,
      ...handled.flatMap(({ handlers }) => [...handlers.values()].map(({ contract }) => contract)),
    ];
    const topics = new Map(
      contracts
        .filter(isStored)
        .map(({ kind, owner }) => [topicOf(kind, owner), this.topics.resource(kind, owner)]),
    );
    return [...topics.keys()].sort().map((name) => topics.get(name)!);
  }

  checkDurability(): Promise<readonly Finding[]> {
    return this.topics.examine();
  }

  async close(): Promise<void> {
    await this.publisher.close();
    await this.topics.close();
  }
}

const WHY: Readonly<Record<Stored, string>> = {
  command: 'commands wait for their owner, which reads them as the group of its name',
  event: 'the log of this owner: each subscription reads it as a group of its own',
  broadcast:
    'to every instance that listens now; it reads from now on, as a group that ends with it',
};

const isStored = (contract: Contract): contract is Contract<Exclude<Kind, 'call'>> =>
  contract.kind !== 'call';
