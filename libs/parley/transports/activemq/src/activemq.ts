import type { Contract, Kind } from '@parley/contract';
import { type Technology } from '@parley/messaging';
import {
  type Deliver,
  type Finding,
  type SubscriptionRegistry,
  type Hop,
  type Consumer,
  type OutgoingMessage,
  queueOf,
  type Resource,
  type Transport,
  type TransportContext,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import { Address } from './address';
import { ActiveMqBroadcastConsumer } from './broadcast-consumer';
import { CommandConsumer } from './command-consumer';
import { checkDurability } from './durability-check';
import { Publisher } from './publisher';
import { addressOf, deadQueue, isLane, LANES, queuesOf, settingsOf } from './topology';

export const activemq: Technology = {
  name: 'activemq',
  schemes: ['activemq', 'activemqs'],
  kinds: ['command', 'broadcast'],
  open: (url, context) => new ActiveMqTransport(new Address(url), context),
};

class ActiveMqTransport implements Transport {
  readonly technology = 'activemq';
  readonly delays = 'without a key';
  readonly address: string;
  private readonly publisher: Publisher;

  constructor(
    private readonly where: Address,
    private readonly context: TransportContext,
  ) {
    this.address = where.toString();
    this.publisher = new Publisher(where, context);
  }

  connect(): Promise<void> {
    return this.publisher.connect();
  }

  publish(messages: readonly OutgoingMessage[]): Promise<void> {
    return this.publisher.publish(messages);
  }

  consumer(
    kind: Exclude<Kind, 'call'>,
    registry: SubscriptionRegistry,
    deliver: Deliver,
  ): Consumer {
    if (kind === 'broadcast')
      return new ActiveMqBroadcastConsumer(this.where, registry, deliver, this.context);
    return new CommandConsumer(this.where, registry, deliver, this.publisher, this.context);
  }

  describe({ kind, name, owner, key }: Contract): readonly Hop[] {
    if (kind === 'broadcast')
      return [
        {
          what: 'address',
          name: addressOf(name),
          why: 'to every instance that listens now; kept for nobody',
        },
      ];
    const lanes = {
      what: 'queue',
      name: `${owner}.lane-00 … lane-${LANES - 1}, by ${key}`,
      why: `one consumer each: those of one ${key} are handled in the order they were sent`,
    };
    return [
      key === undefined
        ? {
            what: 'queue',
            name: owner,
            why: 'durable: commands wait for their owner, and for their time',
          }
        : lanes,
      {
        what: 'queue',
        name: deadQueue(owner),
        why: 'what the broker itself gives up on; the owner keeps it with its dead letters',
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
    const owners = [...new Set(contracts.filter(({ kind }) => kind === 'command').map(queueOf))];
    const broadcasts = [
      ...new Set(
        contracts.filter(({ kind }) => kind === 'broadcast').map(({ name }) => addressOf(name)),
      ),
    ];
    return [
      ...owners.flatMap((owner) =>
        settingsOf(owner).map(([name, settings]) => ({ what: 'address-settings', name, settings })),
      ),
      ...owners.flatMap(queuesOf).map((name) => ({
        what: 'queue',
        name,
        settings: { routing: 'anycast', durable: true, exclusive: isLane(name) },
      })),
      ...broadcasts.map((name) => ({ what: 'address', name, settings: { routing: 'multicast' } })),
    ];
  }

  checkDurability(): Promise<readonly Finding[]> {
    return this.publisher.manage((management) => checkDurability(management, this.context.service));
  }

  close(): Promise<void> {
    return this.publisher.close();
  }
}
