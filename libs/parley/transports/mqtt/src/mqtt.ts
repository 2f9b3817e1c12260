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
import { MqttBroadcastConsumer } from './broadcast-consumer';
import { Publisher } from './publisher';
import { filterOf, topicOf } from './topic';

export const mqtt: Technology = {
  name: 'mqtt',
  schemes: ['mqtt', 'mqtts'],
  kinds: ['broadcast'],
  open: (url, context) => new MqttTransport(new Address(url), context),
};

class MqttTransport implements Transport {
  readonly technology = 'mqtt';
  readonly delays = false;
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
    return this.publisher.sendAll(messages);
  }

  consumer(
    _kind: Exclude<Kind, 'call'>,
    registry: SubscriptionRegistry,
    deliver: Deliver,
  ): Consumer {
    return new MqttBroadcastConsumer(this.where, registry, deliver, this.context);
  }

  describe({ name }: Contract): readonly Hop[] {
    const { by, retain } = this.where;
    const kept = retain ? 'the last one is kept for devices that come later' : 'kept for nobody';
    return [
      {
        what: 'topic',
        name: by === undefined ? topicOf(name) : `${topicOf(name)}/{${by}}`,
        why: `to every instance and device that listens now; ${kept}`,
      },
    ];
  }

  /**
   * Topics come into being when something is said: there is nothing to make, only rights to give.
   */
  topology(
    sent: readonly Contract[],
    handled: readonly RegisteredSubscription[],
  ): readonly Resource[] {
    const contracts = [
      ...sent,
      ...handled.flatMap(({ handlers }) => [...handlers.values()].map(({ contract }) => contract)),
    ];
    const names = new Set(
      contracts.filter(({ kind }) => kind === 'broadcast').map(({ name }) => filterOf(name)),
    );
    return [...names].map((name) => ({
      what: 'topic',
      name,
      settings: { qos: 1, retain: this.where.retain },
    }));
  }

  async checkDurability(): Promise<readonly Finding[]> {
    const { retain } = this.where;
    return [
      {
        what: 'QoS 1',
        verdict: 'safe',
        says: 'a broadcast is said when the broker has it; those who listen then get it at least once',
      },
      retain
        ? {
            what: 'retain true',
            verdict: 'unknown',
            says: 'whether last values survive a restart, MQTT does not tell; mosquitto needs persistence true',
          }
        : {
            what: 'retain false',
            verdict: 'safe',
            says: 'nothing is kept that a restart could lose',
          },
    ];
  }

  close(): Promise<void> {
    return this.publisher.close();
  }
}
