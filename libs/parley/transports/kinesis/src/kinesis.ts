import { KinesisClient } from '@aws-sdk/client-kinesis';
import { HTTP, openedWhenUp } from '@parley/aws';
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
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { Address } from './address';
import { checkDurability } from './durability-check';
import { StreamConsumer } from './event-consumer';
import { StreamPublisher } from './publisher';
import { resourceOf, streamName, Streams } from './topology';
import { LARGEST_BODY } from './cloudevents';

export const kinesis: Technology = {
  name: 'kinesis',
  schemes: ['kinesis'],
  kinds: ['command', 'event'],
  open: (url, context) => new KinesisTransport(new Address(url), context),
};

class KinesisTransport implements Transport {
  readonly technology = 'kinesis';
  readonly delays = false;
  readonly maxBodyBytes = LARGEST_BODY;
  readonly address: string;
  private readonly client: KinesisClient;
  private readonly streams: Streams;
  private readonly publisher: StreamPublisher;
  private closed = false;

  constructor(
    private readonly where: Address,
    private readonly context: TransportContext,
  ) {
    this.address = where.toString();
    this.client = clientOf(where);
    this.streams = new Streams(this.client, where, context.topology);
    this.publisher = new StreamPublisher(this.client, where, this.streams);
  }

  /**
   * Asks for a stream, whether there is one or not: so much takes a Kinesis that answers, and
   * credentials that are good.
   */
  async connect(): Promise<void> {
    try {
      const stream = streamName(this.where, this.context.service, 'command');
      const ask = () => this.streams.find(stream);
      await openedWhenUp(this.where, this.context, () => this.closed, ask);
    } catch (error) {
      this.client.destroy();
      throw error;
    }
  }

  publish(messages: readonly OutgoingMessage[]): Promise<void> {
    return this.publisher.publishInOrder(messages);
  }

  consumer(
    kind: Exclude<Kind, 'call'>,
    registry: SubscriptionRegistry,
    deliver: Deliver,
  ): Consumer {
    const { client, where: address, streams, context } = this;
    return new StreamConsumer(kind as 'command' | 'event', registry, {
      client,
      address,
      streams,
      context,
      deliver,
    });
  }

  describe({ owner, kind, key }: Contract): readonly Hop[] {
    const name = streamName(this.where, owner, kind);
    const order =
      key === undefined
        ? 'they have no key, and no order'
        : `those of one ${key} are in one shard, in the order they were said`;
    const readers =
      kind === 'command'
        ? 'the instances of the owner share its shards'
        : 'each subscription has a position of its own, and its instances share the shards';
    return [
      { what: 'stream', name, why: `kept for ${this.where.retention} h; ${order}` },
      {
        what: 'positions',
        name: `of ${kind === 'command' ? owner : 'each subscription'} in ${name}`,
        why: `in the store of the service that reads: ${readers}`,
      },
    ];
  }

  topology(
    sent: readonly Contract[],
    handled: readonly RegisteredSubscription[],
  ): readonly Resource[] {
    const contracts = [
      ...sent,
      ...handled.flatMap(({ handlers }) => [...handlers.values()].map(({ contract }) => contract)),
    ];
    const streams = new Map(
      contracts
        .filter(({ kind }) => kinesis.kinds.includes(kind))
        .map(({ owner, kind }) => [`${owner} ${kind}`, resourceOf(this.where, owner, kind)]),
    );
    return [...streams.values()];
  }

  checkDurability(): Promise<readonly Finding[]> {
    return checkDurability(this.streams, this.where, this.context.service);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.client.destroy();
  }
}

/** Over HTTP/1.1: substitutes for Kinesis do not speak HTTP/2, the SDK's default. */
function clientOf({ region, endpoint, credentials }: Address): KinesisClient {
  return new KinesisClient({
    region,
    endpoint,
    credentials,
    maxAttempts: 2,
    requestHandler: new NodeHttpHandler(HTTP),
  });
}
