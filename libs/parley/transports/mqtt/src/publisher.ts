import { headersOf, type OutgoingMessage, type TransportContext, OutageError } from '@parley/messaging';
import type { MqttClient } from 'mqtt';
import type { Address } from './address';
import { write } from './binding';
import { Connection } from './connection';
import { topicFor } from './topic';

/** Where an instance says that it is there; its last will says that it is not. */
export const presenceOf = ({ service, instance }: Pick<TransportContext, 'service' | 'instance'>): string => `parley/${service}/instances/${instance}`;

/** Says broadcasts with QoS 1. */
export class Publisher {
  private readonly connection: Connection;

  constructor(
    private readonly address: Address,
    private readonly context: TransportContext,
  ) {
    const topic = presenceOf(context);
    const will = { topic, payload: Buffer.from('offline'), qos: 1 as const, retain: false };
    const opened = async (client: MqttClient) => void (await client.publishAsync(topic, 'online', { qos: 1 }));
    this.connection = new Connection(address, `${context.instance}-says`, { opened, will });
  }

  connect(): Promise<void> {
    return this.connection.start();
  }

  async close(): Promise<void> {
    const { client, ready } = this.connection;
    if (client && ready) client.publish(presenceOf(this.context), 'offline', { qos: 1 });
    await this.connection.close();
  }

  async say(messages: readonly OutgoingMessage[]): Promise<void> {
    const results = await Promise.allSettled(messages.map((message) => this.sayOne(message)));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }

  private async sayOne(message: OutgoingMessage): Promise<void> {
    const { address } = this;
    const topic = topicFor(message, address);
    const { payload, properties } = write(headersOf(message.envelope), message.body, address.mode);
    let id: number | undefined;
    const notSaid = (why: string) => new NotSaid(topic, address, why);
    const said = (client: MqttClient) =>
      new Promise<void>((resolve, reject) => {
        const answered = (error?: Error | null) => (error ? reject(notSaid(error.message)) : resolve());
        client.publish(topic, payload, { qos: 1, retain: address.retain, properties }, answered);
        id = client.getLastMessageId();
      });
    try {
      await this.connection.use(said, () => notSaid(this.connection.cause?.message ?? 'no answer within 10 s'));
    } catch (error) {
      // Said when the connection is back it would be late.
      if (id !== undefined) this.connection.client!.removeOutgoingMessage(id);
      throw error;
    }
  }
}

/** A broadcast that did not reach the broker, or of which nobody knows whether it did. */
export class NotSaid extends OutageError {
  override readonly name = 'NotSaid';
  override readonly effect = 'unknown';
  constructor(topic: string, address: Address, why: string) {
    super(`the broadcast to ${topic} was not taken by the MQTT broker at ${address} (${why}); nothing keeps it, so say it again if it still matters`);
  }
}
