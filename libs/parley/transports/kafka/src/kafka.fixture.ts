import { command, event, type Contract } from '@parley/contract';
import { type Envelope, Subscription, type SubscriptionOptions } from '@parley/messaging';
import {
  type Delivery,
  HandlerRegistry,
  type Consumer,
  type Outcome,
  type OutgoingMessage,
  systemClock,
  type Transport,
  type TransportContext,
} from '@parley/messaging/transport';
import { Kafka, logLevel } from 'kafkajs';
import { randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { kafka } from './kafka';
import { dropTopicsOf } from './leftovers.fixture';

const Numbered = z.object({ key: z.string(), n: z.int() });

export interface Hearing {
  readonly options?: SubscriptionOptions;
  readonly subscription?: string;
  readonly concurrency?: number;
  readonly service?: string;
  readonly contracts?: readonly Contract[];
}

type Handle = (
  delivery: Delivery,
  body: { key: string; n: number },
) => Promise<Outcome | void> | Outcome | void;

/**
 * The resources of one test on a real Kafka: an owner that no other test has, and all its open
 * clients.
 */
export class Scene {
  readonly owner = `t${randomBytes(4).toString('hex')}`;
  readonly sent = event(`${this.owner}.number-said`, Numbered, { key: 'key' });
  readonly other = event(`${this.owner}.number-forgotten`, Numbered, { key: 'key' });
  readonly order = command(`${this.owner}.take-number`, Numbered);
  readonly complaints: string[] = [];
  private readonly opened: { close(): Promise<void> }[] = [];

  constructor(readonly url: string) {}

  get topic(): string {
    return `${this.owner}.events`;
  }

  closed(url = this.url, context: Partial<TransportContext> = {}): Transport {
    const log: TransportContext['log'] = (level, text) =>
      level !== 'debug' && this.complaints.push(text);
    return kafka.open!(url, {
      service: this.owner,
      instance: 'spec-1',
      clock: systemClock,
      log,
      ...context,
    });
  }

  async transport(url = this.url, context: Partial<TransportContext> = {}): Promise<Transport> {
    const transport = this.closed(url, context);
    await transport.connect();
    this.opened.push(transport);
    return transport;
  }

  async send(...messages: OutgoingMessage[]): Promise<void> {
    const transport = await this.transport();
    await transport.publish(messages);
  }

  /** An instance of a service with one handler for some contracts of one kind. */
  async receive(
    handle: Handle,
    {
      options = {},
      subscription = 'spec',
      concurrency = 10,
      service = this.owner,
      contracts = [this.sent],
    }: Hearing = {},
    url = this.url,
  ): Promise<Consumer> {
    const transport = await this.transport(url);
    const registry = new HandlerRegistry(service, concurrency);
    const { kind } = contracts[0]!;
    class Handlers {}
    if (kind === 'event') Subscription(subscription, options)(Handlers);
    const deliver = async (delivery: Delivery): Promise<Outcome> =>
      (await handle(delivery, read(delivery))) ?? DONE;
    const intake = transport.consumer(kind as 'event', registry, deliver);
    for (const contract of contracts)
      registry.add(async () => undefined, {
        contract,
        options: {},
        handlerClass: Handlers,
        method: 'on',
      });
    this.opened.push({ close: () => intake.close() as Promise<void> });
    await new Promise<void>((resolve, reject) =>
      intake.listen((error) => (error ? reject(error as Error) : resolve())),
    );
    return intake;
  }

  /** A plain client, as other programs use it. */
  direct(): Kafka {
    return new Kafka({
      clientId: 'spec',
      brokers: [new URL(this.url).host],
      logLevel: logLevel.NOTHING,
    });
  }

  async admin<T>(question: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> {
    const admin = this.direct().admin();
    await admin.connect();
    return question(admin).finally(() => admin.disconnect());
  }

  /** Number of messages that the group of a subscription has handled, over all partitions. */
  async position(group: string): Promise<number> {
    const [topic] = await this.admin((admin) =>
      admin.fetchOffsets({ groupId: group, topics: [this.topic] }),
    );
    return topic!.partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
  }

  async close(): Promise<void> {
    for (const one of this.opened.reverse()) await one.close();
    await dropTopicsOf(this.url, [this.owner]);
  }
}

export const DONE: Outcome = { kind: 'done', settled: false };

const read = ({ body }: Delivery) => {
  try {
    return JSON.parse(body.toString()) as { key: string; n: number };
  } catch {
    return { key: '', n: -1 };
  }
};

export function message(
  contract: Contract,
  n: number,
  key: string | undefined = contract.key && 'k',
): OutgoingMessage {
  const id = randomUUID();
  const envelope: Envelope = {
    specversion: '1.0',
    id,
    type: contract.name,
    source: '/spec',
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    contractversion: '1',
    correlationid: id,
    partitionkey: key,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    producerinstance: 'spec',
    producerbuild: 'x',
  };
  return { contract, envelope, body: Buffer.from(JSON.stringify({ key: key ?? '', n })) };
}
