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
import { RedisBroadcastConsumer } from './broadcast-consumer';
import { BroadcastPublisher, channelOf, MAX_MESSAGE_BYTES } from './publisher';

export const redis: Technology = {
  name: 'redis',
  schemes: ['redis', 'rediss'],
  kinds: ['broadcast'],
  open: (url, context) => new RedisTransport(new Address(url), context),
};

class RedisTransport implements Transport {
  readonly technology = 'redis';
  readonly maxBodyBytes = MAX_MESSAGE_BYTES;
  readonly delays = false;
  readonly address: string;
  private readonly publisher: BroadcastPublisher;

  constructor(
    private readonly where: Address,
    private readonly context: TransportContext,
  ) {
    this.address = where.toString();
    this.publisher = new BroadcastPublisher(where, context);
  }

  connect(): Promise<void> {
    return this.publisher.connect();
  }

  publish(messages: readonly OutgoingMessage[]): Promise<void> {
    return this.publisher.sendAll(messages);
  }

  consumer(
    _kind: Exclude<Kind, 'call'>,
    registry: SubscriptionRegistry,
    deliver: Deliver,
  ): Consumer {
    return new RedisBroadcastConsumer(this.where, registry, deliver, this.context);
  }

  describe(contract: Contract): readonly Hop[] {
    return [
      {
        what: 'channel',
        name: channelOf(contract.name),
        why: 'to every instance that listens now; kept for nobody',
      },
    ];
  }

  topology(
    sent: readonly Contract[],
    handled: readonly RegisteredSubscription[],
  ): readonly Resource[] {
    const contracts = [
      ...sent.map(({ name }) => name),
      ...handled.flatMap(({ handlers }) => [...handlers.keys()]),
    ];
    return [...new Set(contracts)].map((name) => ({
      what: 'channel',
      name: channelOf(name),
      settings: {},
    }));
  }

  /** There is no setting that would keep a broadcast. */
  async checkDurability(): Promise<readonly Finding[]> {
    return [
      {
        what: 'publish/subscribe',
        verdict: 'safe',
        says: 'broadcasts are kept for nobody, so there is nothing to lose; outboxes keep those of transactions until Redis takes them',
      },
    ];
  }

  close(): Promise<void> {
    return this.publisher.close();
  }
}
