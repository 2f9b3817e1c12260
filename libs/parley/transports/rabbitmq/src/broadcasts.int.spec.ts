import { Logger } from '@nestjs/common';
import { broadcast } from '@parley/contract';
import { type Envelope } from '@parley/messaging';
import {
  type Delivery,
  HandlerRegistry,
  type OutgoingMessage,
  type Outcome,
  systemClock,
  type Transport,
  type TransportContext,
} from '@parley/messaging/transport';
import { eventuallyPasses, TcpProxy } from '@parley/conformance';
import { type Channel, type ChannelModel, connect, type ConsumeMessage } from 'amqplib';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { RabbitBroadcastConsumer } from './broadcast-consumer';
import { exchangeOf } from './broadcast-exchange';
import { rabbitmq } from './rabbitmq';

const url = process.env.RABBITMQ_URL ?? '';
if (!url) process.stdout.write('RabbitMQ: not run, for RABBITMQ_URL is not set\n');

Logger.overrideLogger(false);
jest.setTimeout(30_000);

const done: Outcome = { kind: 'done', settled: false };

(url ? describe : describe.skip)('broadcasts over RabbitMQ', () => {
  let service: string;
  let contract: OutgoingMessage['contract'];
  let exchange: string;
  let broker: ChannelModel;
  let direct: Channel;
  let opened: Array<() => Promise<unknown>>;

  beforeEach(async () => {
    service = `t-${randomUUID().slice(0, 8)}`;
    contract = broadcast(`${service}.price-changed`, z.object({ n: z.number() }));
    exchange = exchangeOf(contract.name);
    opened = [];
    broker = await connect(url);
    direct = await broker.createChannel();
    direct.on('error', () => undefined);
  });

  afterEach(async () => {
    for (const close of opened.reverse()) await close();
    const channel = await broker.createChannel();
    await channel.deleteExchange(exchange);
    await broker.close();
  });

  async function transport(at = url, topology?: TransportContext['topology']): Promise<Transport> {
    const made = rabbitmq.open!(at, {
      service,
      instance: `${service}-1`,
      clock: systemClock,
      topology,
      log: () => undefined,
    });
    await made.connect();
    opened.push(() => made.close());
    return made;
  }

  async function listener({
    at = url,
    topology,
  }: { at?: string; topology?: TransportContext['topology'] } = {}) {
    const received: Delivery[] = [];
    let wake = () => {};
    const deliver = async (delivery: Delivery) => (received.push(delivery), wake(), done);
    const intake = (await transport(at, topology)).consumer(
      'broadcast',
      new HandlerRegistry(service),
      deliver,
    ) as RabbitBroadcastConsumer;
    intake.addHandler(contract.name, async () => undefined, true, {
      contract,
      options: {},
      handlerClass: { name: 'Spec' },
      method: 'on',
    });
    opened.push(() => intake.close());
    await new Promise<void>(
      (resolve, reject) => void intake.listen((error) => (error ? reject(error) : resolve())),
    );
    const until = async (count: number) => {
      while (received.length < count) await new Promise<void>((resolve) => (wake = resolve));
      return received;
    };
    return { intake, received, until };
  }

  const sending = (body = Buffer.from('{"n":1}')): OutgoingMessage => ({
    contract,
    envelope: envelopeOf(contract.name),
    body,
  });

  it('carries every byte and every attribute to everyone who listens', async () => {
    const [one, other] = [await listener(), await listener()];
    const sent = sending(Buffer.from([123, 0, 255]));
    await (await transport()).publish([sent]);
    for (const { until } of [one, other]) {
      const [delivery] = await until(1);
      expect(delivery).toMatchObject({
        headers: sent.envelope,
        attempt: 1,
        supports: { retry: false, dead: false },
      });
      expect(delivery!.body.equals(sent.body)).toBe(true);
    }
  });

  it('is said also when nobody listens', async () => {
    await expect((await transport()).publish([sending()])).resolves.toBeUndefined();
  });

  it('listens again after its connection was lost, and tells that it was away', async () => {
    const road = await TcpProxy.to(url, 5_672);
    opened.push(() => road.close());
    const { intake, until } = await listener({ at: road.along(url) });
    expect(intake.health()).toEqual({
      technology: 'rabbitmq',
      kind: 'broadcast',
      state: 'consuming',
    });
    road.down();
    await eventuallyPasses(() =>
      expect(intake.health()).toMatchObject({
        state: 'disconnected',
        reason: expect.stringContaining('lost'),
      }),
    );
    road.up();
    await eventuallyPasses(() =>
      expect(intake.health()).toEqual({
        technology: 'rabbitmq',
        kind: 'broadcast',
        state: 'consuming',
      }),
    );
    await (await transport()).publish([sending()]);
    await until(1);
  });

  it('makes the exchange anew when it was deleted', async () => {
    const sender = await transport();
    await sender.publish([sending()]);
    await direct.deleteExchange(exchange);
    await expect(sender.publish([sending()])).rejects.toThrow(exchange);
    await eventuallyPasses(() => sender.publish([sending()]));
    await direct.checkExchange(exchange);
  });

  it('understands a speaker without Nest, and is understood by a listener without Nest', async () => {
    const { until } = await listener();
    direct.publish(exchange, '', Buffer.from('{"n":7}'), {
      messageId: 'x',
      headers: { cloudEvents_type: contract.name, cloudEvents_source: '/cobol' },
    });
    expect((await until(1))[0]).toMatchObject({
      headers: { id: 'x', type: contract.name, source: '/cobol' },
    });
    const { queue } = await direct.assertQueue('', { exclusive: true });
    await direct.bindQueue(queue, exchange, '');
    const heard = new Promise<ConsumeMessage>(
      (resolve) =>
        void direct.consume(queue, (message) => message && resolve(message), { noAck: true }),
    );
    await (await transport()).publish([sending()]);
    const { content, properties } = await heard;
    expect(content.toString()).toBe('{"n":1}');
    expect(properties).toMatchObject({
      contentType: 'application/json',
      headers: { 'cloudEvents:type': contract.name },
    });
  });

  it('only looks whether the exchange is there when the topology is to be verified', async () => {
    const sender = await transport(url, 'verify');
    await expect(sender.publish([sending()])).rejects.toThrow(`has no exchange ${exchange}`);
    await expect(listener({ topology: 'verify' })).rejects.toThrow(`has no exchange ${exchange}`);
    await (await transport()).publish([sending()]);
    const { until } = await listener({ topology: 'verify' });
    await sender.publish([sending()]);
    await until(1);
  });

  it('refuses an exchange of another type', async () => {
    await direct.assertExchange(exchange, 'direct', { durable: true });
    await expect(listener()).rejects.toThrow(`holds ${exchange} with other settings`);
    await expect((await transport()).publish([sending()])).rejects.toThrow('with other settings');
  });

  it('brings nothing more after stop', async () => {
    const { intake, received, until } = await listener();
    const sender = await transport();
    await sender.publish([sending()]);
    await until(1);
    await intake.stop();
    await sender.publish([sending()]);
    await intake.close();
    expect(received).toHaveLength(1);
    expect(intake.health().state).toBe('stopped');
  });
});

function envelopeOf(type: string): Envelope {
  return {
    specversion: '1.0',
    id: randomUUID(),
    type,
    source: '/t',
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    contractversion: '1',
    correlationid: randomUUID(),
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    producerinstance: 'spec',
    producerbuild: 'x',
    sequence: '1',
  };
}
