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
import type { Contract, Kind } from '@parley/contract';
import { Address } from './address';
import { RabbitBroadcastConsumer } from './broadcast-consumer';
import { exchangeOf } from './broadcast-exchange';
import { CommandConsumer } from './command-consumer';
import { CommandPublisher, MAX_MESSAGE_BYTES } from './publisher';
import { deadQueue, LANES, queuesOf, RUNGS } from './topology';

export const rabbitmq: Technology = {
  name: 'rabbitmq',
  schemes: ['amqp', 'amqps'],
  kinds: ['command', 'broadcast'],
  open: (url, context) => new RabbitTransport(new Address(url), context),
};

/**
 * Uses one connection to publish and others to consume: a broker that throttles publishers must not
 * delay acknowledgements.
 */
class RabbitTransport implements Transport {
  readonly technology = 'rabbitmq';
  readonly maxBodyBytes = MAX_MESSAGE_BYTES;
  readonly delays = 'without a key';
  readonly address: string;
  private readonly publisher: CommandPublisher;

  constructor(
    private readonly where: Address,
    private readonly context: TransportContext,
  ) {
    this.address = where.toString();
    this.publisher = new CommandPublisher(where, context.log, context.topology);
  }

  connect(): Promise<void> {
    return this.publisher.connect();
  }

  publish(messages: readonly OutgoingMessage[]): Promise<void> {
    return this.publisher.publishInOrder(messages);
  }

  consumer(
    kind: Exclude<Kind, 'call'>,
    registry: SubscriptionRegistry,
    deliver: Deliver,
  ): Consumer {
    if (kind === 'broadcast')
      return new RabbitBroadcastConsumer(this.where, registry, deliver, this.context);
    return new CommandConsumer(this.where, registry, deliver, this.publisher, this.context);
  }

  describe({ kind, name, owner, key }: Contract): readonly Hop[] {
    if (kind === 'broadcast')
      return [
        {
          what: 'exchange',
          name: exchangeOf(name),
          why: 'fanout: a copy to the queue of every instance that listens now; kept for nobody else',
        },
      ];
    const lanes = {
      what: 'queue',
      name: `${owner}.lane-00 … lane-${LANES - 1}, by ${key}`,
      why: `one active consumer each: those of one ${key} are handled in the order they were sent`,
    };
    return [
      {
        what: 'queue',
        name: `${owner}.delay.${RUNGS[0]}s … ${RUNGS.at(-1)}s`,
        why: 'only commands with a delay wait here; the broker moves them on',
      },
      key === undefined
        ? { what: 'queue', name: owner, why: 'quorum queue: commands wait for their owner' }
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
    const exchanges = [
      ...new Set(
        contracts.filter(({ kind }) => kind === 'broadcast').map(({ name }) => exchangeOf(name)),
      ),
    ];
    return [
      ...owners.flatMap(queuesOf).map(([name, { durable, arguments: settings }]) => ({
        what: 'queue',
        name,
        settings: { durable: durable!, ...settings },
      })),
      ...exchanges.map((name) => ({
        what: 'exchange',
        name,
        settings: { type: 'fanout', durable: true },
      })),
    ];
  }

  /**
   * Checks the version and declared settings: AMQP reveals little of a broker, but the broker keeps
   * to declared settings.
   */
  async checkDurability(): Promise<readonly Finding[]> {
    const { version } = await this.publisher.server();
    return [
      {
        what: `version ${String(version)}`,
        verdict: 'safe',
        says: 'it knows quorum queues, single active consumers and dead letters at least once',
      },
      {
        what: 'x-queue-type quorum',
        verdict: 'safe',
        says: 'a command is confirmed when most members of its queue have it on their disk; another type of queue refuses the start',
      },
      {
        what: 'members of the quorum queues',
        verdict: 'unknown',
        says: 'AMQP does not tell how many: in production three nodes, so that the loss of one loses nothing',
      },
    ];
  }

  close(): Promise<void> {
    return this.publisher.close();
  }
}
