import {
  headersOf,
  type OutgoingMessage,
  sendInOrder,
  type TransportContext,
  PublishErrors,
} from '@parley/messaging/transport';
import type { MqttClient } from 'mqtt';
import type { Address } from './address';
import { write } from './cloudevents';
import { Connection } from './connection';
import { topicFor } from './topic';

/** Where an instance says that it is there; its last will says that it is not. */
export const presenceOf = ({
  service,
  instance,
}: Pick<TransportContext, 'service' | 'instance'>): string =>
  `parley/${service}/instances/${instance}`;

/**
 * Reason codes of MQTT 5 that speak of the message itself: its topic's name, its size, its format.
 */
const FOR_GOOD: ReadonlySet<unknown> = new Set([0x90, 0x95, 0x99]);

const sizeOf = ({ userProperties = {} }: ReturnType<typeof write>['properties']): number =>
  Object.entries(userProperties).reduce(
    (sum, [name, value]) => sum + name.length + String(value).length,
    0,
  );

/** Publishes broadcasts with QoS 1. */
export class Publisher {
  private readonly connection: Connection;
  private readonly errors: PublishErrors;

  constructor(
    private readonly address: Address,
    private readonly context: TransportContext,
  ) {
    this.errors = new PublishErrors(`the MQTT broker at ${address}`, false);
    const topic = presenceOf(context);
    const will = { topic, payload: Buffer.from('offline'), qos: 1 as const, retain: false };
    const opened = async (client: MqttClient) =>
      void (await client.publishAsync(topic, 'online', { qos: 1 }));
    this.connection = new Connection(address, `${context.instance}-says`, context.log, {
      opened,
      will,
    });
  }

  connect(): Promise<void> {
    return this.connection.start();
  }

  async close(): Promise<void> {
    const { client, ready } = this.connection;
    if (client && ready) client.publish(presenceOf(this.context), 'offline', { qos: 1 });
    await this.connection.close();
  }

  sendAll(messages: readonly OutgoingMessage[]): Promise<void> {
    return sendInOrder(messages, (message) => this.sendOne(message));
  }

  private async sendOne(message: OutgoingMessage): Promise<void> {
    const { address } = this;
    const topic = topicFor(message, address);
    const { payload, properties } = write(headersOf(message.envelope), message.body, address.mode);
    const [size, largest] = [
      payload.length + topic.length + sizeOf(properties),
      this.connection.largest,
    ];
    if (size > largest)
      throw this.errors.unacceptable(
        topic,
        `it has ${size} bytes, and the broker takes ${largest}`,
      );
    let id: number | undefined;
    const notConfirmed = (why: string) =>
      id === undefined ? this.errors.notStored(topic, why) : this.errors.unconfirmed(topic, why);
    const sent = (client: MqttClient) =>
      new Promise<void>((resolve, reject) => {
        const answered = (error?: (Error & { readonly code?: unknown }) | null) => {
          if (!error) resolve();
          else
            reject(
              FOR_GOOD.has(error.code)
                ? this.errors.unacceptable(topic, error.message)
                : notConfirmed(error.message),
            );
        };
        client.publish(topic, payload, { qos: 1, retain: address.retain, properties }, answered);
        id = client.getLastMessageId();
      });
    try {
      await this.connection.use(sent, () =>
        notConfirmed(this.connection.cause?.message ?? 'no answer within 10 s'),
      );
    } catch (error) {
      // Published when the connection is back it would be late.
      if (id !== undefined) this.connection.client!.removeOutgoingMessage(id);
      throw error;
    }
  }
}
