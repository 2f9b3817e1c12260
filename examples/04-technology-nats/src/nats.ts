import type { Contract, Kind } from '@parley/contract';
import type { Technology } from '@parley/messaging';
import type {
  Consumer,
  Deliver,
  SubscriptionRegistry,
  Hop,
  OutgoingMessage,
  RegisteredSubscription,
  Resource,
  Transport,
  TransportContext,
} from '@parley/messaging/transport';
import { Address } from './address';
import { Connection } from './connection';
import { NatsConsumer } from './consumer';
import { Publisher } from './publisher';
import { LANES, resourceOf, streamName, Topology } from './topology';

export const nats: Technology = {
  name: 'nats',
  schemes: ['nats'],
  kinds: ['command', 'event'],
  open: (url, context) => new NatsTransport(new Address(url), context),
};

class NatsTransport implements Transport {
  readonly technology = 'nats';
  /** The outbox holds delayed commands back. */
  readonly delays = false;
  readonly address: string;
  private readonly connection: Connection;
  private readonly streams: Topology;
  private readonly publisher: Publisher;

  constructor(
    private readonly where: Address,
    private readonly context: TransportContext,
  ) {
    this.address = where.toString();
    this.connection = new Connection(where, context.instance);
    this.streams = new Topology(this.connection, where, context.topology);
    this.publisher = new Publisher(this.connection, where, this.streams);
  }

  get maxBodyBytes(): number {
    return this.publisher.maxBodyBytes;
  }

  connect(): Promise<void> {
    return this.connection.open();
  }

  publish(messages: readonly OutgoingMessage[]): Promise<void> {
    return this.publisher.publishInOrder(messages);
  }

  consumer(
    kind: Exclude<Kind, 'call'>,
    registry: SubscriptionRegistry,
    deliver: Deliver,
  ): Consumer {
    const { connection, where: address, streams: topology, context } = this;
    return new NatsConsumer(kind, registry, { connection, address, topology, context, deliver });
  }

  describe({ owner, kind, key }: Contract): readonly Hop[] {
    const kept =
      kind === 'command' ? 'until its owner has handled it' : 'for each subscription, for days';
    return [
      { what: 'stream', name: streamName(this.where, owner, kind), why: `kept ${kept}` },
      key === undefined
        ? { what: 'lane', name: 'any', why: 'messages without a key have no order' }
        : {
            what: 'lane',
            name: `0 … ${LANES - 1}, by ${key}`,
            why: `one message at a time each: those of one ${key} stay in order`,
          },
    ];
  }

  topology(
    said: readonly Contract[],
    handled: readonly RegisteredSubscription[],
  ): readonly Resource[] {
    const contracts = [
      ...said,
      ...handled.flatMap(({ handlers }) => [...handlers.values()].map(({ contract }) => contract)),
    ];
    const streams = new Map(
      contracts
        .filter(({ kind }) => nats.kinds.includes(kind))
        .map(({ owner, kind }) => [`${owner} ${kind}`, resourceOf(this.where, owner, kind)]),
    );
    return [...streams.values()];
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}
