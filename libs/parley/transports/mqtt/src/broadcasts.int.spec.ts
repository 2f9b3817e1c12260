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
} from '@parley/messaging/transport';
import { eventuallyPasses, TcpProxy } from '@parley/conformance';
import { connectAsync, type IPublishPacket, type MqttClient } from 'mqtt';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { z } from 'zod';
import type { MqttBroadcastConsumer } from './broadcast-consumer';
import { mqtt } from './mqtt';
import { presenceOf } from './publisher';
import { topicOf } from './topic';

const url = process.env.MQTT_URL ?? '';
if (!url) process.stdout.write('MQTT: not run, for MQTT_URL is not set\n');

Logger.overrideLogger(false);
jest.setTimeout(30_000);

const done: Outcome = { kind: 'done', settled: false };
type Sent = [topic: string, payload: Buffer, packet: IPublishPacket];

(url ? describe : describe.skip)('broadcasts over MQTT', () => {
  let service: string;
  let contract: OutgoingMessage['contract'];
  let topic: string;
  let opened: Array<() => Promise<unknown>>;
  let warnings: string[];

  beforeEach(() => {
    service = `t-${randomUUID().slice(0, 8)}`;
    contract = broadcast(`${service}.parcel-located`, z.object({ id: z.string() }));
    topic = topicOf(contract.name);
    opened = [];
    warnings = [];
  });

  afterEach(async () => {
    for (const close of opened.reverse()) await close();
  });

  async function transport(at = url, instance = `${service}-1`): Promise<Transport> {
    const made = mqtt.open!(at, {
      service,
      instance,
      clock: systemClock,
      log: (_level, text) => warnings.push(text),
    });
    opened.push(() => made.close());
    await made.connect();
    return made;
  }

  async function listener(at = url) {
    const received: Delivery[] = [];
    let wake = () => {};
    const deliver = async (delivery: Delivery) => (received.push(delivery), wake(), done);
    const intake = (await transport(at)).consumer(
      'broadcast',
      new HandlerRegistry(service),
      deliver,
    ) as MqttBroadcastConsumer;
    intake.addHandler(contract.name, async () => undefined, true, {
      contract,
      options: {},
      handlerClass: { name: 'Spec' },
      method: 'on',
    });
    opened.push(() => intake.close());
    await new Promise<void>((resolve, reject) =>
      intake.listen((error?: unknown) => (error ? reject(error) : resolve())),
    );
    const until = async (count: number) => {
      while (received.length < count) await new Promise<void>((resolve) => (wake = resolve));
      return received;
    };
    return { intake, received, until };
  }

  /** A device, as it is without this kit. */
  async function device(protocolVersion: 4 | 5): Promise<MqttClient> {
    const client = await connectAsync(url, { protocolVersion });
    opened.push(() => client.endAsync());
    return client;
  }

  const sending = (payload: object, more: Partial<Envelope> = {}): OutgoingMessage => ({
    contract,
    envelope: envelopeOf(contract.name, more),
    body: Buffer.from(JSON.stringify(payload)),
  });

  it('carries every byte and every attribute to everyone who listens', async () => {
    const [one, other] = [await listener(), await listener()];
    const sent = {
      ...sending({}, { correlationid: 'two\nlines' }),
      body: Buffer.from([123, 0, 255]),
    };
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

  it('lets a device follow one parcel only, and tells it the last value when it comes', async () => {
    const sender = await transport(`${url}?by=id&retain=true`);
    await sender.publish([sending({ id: 'p/1' }), sending({ id: 'p2' })]);
    const own = await device(4);
    const said = heard(own);
    await own.subscribeAsync(`${topic}/p%2F1`);
    const [, payload, { retain }] = await said;
    expect([payload.toString(), retain]).toEqual(['{"id":"p/1"}', true]);
    // An instance of a service receives later messages, of every parcel.
    const { received, until } = await listener();
    await sender.publish([sending({ id: 'p3' })]);
    await until(1);
    expect(received.map(({ body }) => body.toString())).toEqual(['{"id":"p3"}']);
    for (const id of ['p%2F1', 'p2', 'p3'])
      await own.publishAsync(`${topic}/${id}`, '', { retain: true });
  });

  it('is understood by a device of MQTT 5, and in structured mode by one of 3.1.1', async () => {
    const [new5, old4] = [await device(5), await device(4)];
    await new5.subscribeAsync(topic, { qos: 1 });
    const said = heard(new5);
    const sent = sending({ id: 'p1' });
    await (await transport()).publish([sent]);
    const [, payload, { qos, properties }] = await said;
    expect([payload.toString(), qos, properties?.contentType]).toEqual([
      '{"id":"p1"}',
      1,
      'application/json',
    ]);
    expect({ ...properties?.userProperties, datacontenttype: 'application/json' }).toEqual(
      sent.envelope,
    );
    await old4.subscribeAsync(topic);
    const document = heard(old4);
    await (await transport(`${url}?mode=structured`)).publish([sent]);
    expect(JSON.parse((await document)[1].toString())).toEqual({
      ...sent.envelope,
      data: { id: 'p1' },
    });
  });

  it('understands devices of MQTT 5 and 3.1.1, and ignores what is no CloudEvent', async () => {
    const { until } = await listener();
    const [new5, old4] = [await device(5), await device(4)];
    await old4.publishAsync(topic, 'hello', { qos: 1 });
    await old4.publishAsync(
      `${topic}/p1`,
      `{"specversion":"1.0","id":"x","type":"${contract.name}","source":"/device","data":{"id":"p1"}}`,
      { qos: 1 },
    );
    await until(1);
    await new5.publishAsync(topic, '{"id":"p2"}', {
      qos: 1,
      properties: {
        userProperties: { specversion: '1.0', id: 'y', type: contract.name, source: '/device' },
      },
    });
    const deliveries = await until(2);
    expect(
      deliveries.map(({ headers, body }) => [headers.id, headers.type, body.toString()]),
    ).toEqual([
      ['x', contract.name, '{"id":"p1"}'],
      ['y', contract.name, '{"id":"p2"}'],
    ]);
    expect(warnings).toEqual([expect.stringContaining('unreadable')]);
  });

  it('listens again after its connection was lost, and tells that it was away', async () => {
    const road = await TcpProxy.to(url, 1_883);
    opened.push(() => road.close());
    const { intake, until } = await listener(road.along(url));
    expect(intake.health()).toEqual({ technology: 'mqtt', kind: 'broadcast', state: 'consuming' });
    road.down();
    await eventuallyPasses(() =>
      expect(intake.health()).toMatchObject({
        state: 'disconnected',
        reason: expect.stringContaining('mqtt://'),
      }),
    );
    road.up();
    await eventuallyPasses(() => expect(intake.health().state).toBe('consuming'));
    await (await transport()).publish([sending({ id: 'p1' })]);
    await until(1);
  });

  it('rejects what it could not say, and does not say it late', async () => {
    const road = await TcpProxy.to(url, 1_883);
    opened.push(() => road.close());
    const sender = await transport(road.along(url));
    const { received, until } = await listener();
    road.dropResponses();
    await expect(sender.publish([sending({ id: 'lost' })])).rejects.toMatchObject({
      name: 'UnconfirmedError',
      message: expect.stringContaining(topic),
    });
    road.down();
    road.up();
    await eventuallyPasses(() => sender.publish([sending({ id: 'next' })]));
    await until(2);
    expect(received.map(({ body }) => body.toString())).toEqual(['{"id":"lost"}', '{"id":"next"}']);
  });

  it('says by its last will that an instance is gone', async () => {
    const road = await TcpProxy.to(url, 1_883);
    opened.push(() => road.close());
    const watcher = await device(5);
    const presence = presenceOf({ service, instance: 'i' });
    await watcher.subscribeAsync(presence);
    const states: string[] = [];
    watcher.on('message', (_, payload) => states.push(payload.toString()));
    await transport(road.along(url), 'i');
    await eventuallyPasses(() => expect(states).toEqual(['online']));
    road.down();
    await eventuallyPasses(() => expect(states).toEqual(['online', 'offline']));
  });

  describe('says in one sentence, without the password, and in less than 15 s', () => {
    async function somebody(answer?: Buffer): Promise<string> {
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        if (answer) socket.once('data', () => socket.end(answer));
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      opened.push(async () => server.close());
      return `mqtt://me:secret@127.0.0.1:${(server.address() as { port: number }).port}`;
    }
    const sentence = async (at: string): Promise<string> => {
      const error = await transport(at).catch((thrown: unknown) => thrown as Error);
      expect(error).toMatchObject({ name: 'MqttUnavailableError' });
      expect((error as Error).message).not.toMatch(/secret|\n/);
      return (error as Error).message;
    };

    it('that the password is wrong', async () => {
      expect(await sentence(await somebody(Buffer.from([0x20, 3, 0, 0x86, 0])))).toMatch(
        /refuses the user "me"/,
      );
    });

    it('that the host is unknown, or nothing listens there', async () => {
      expect(await sentence('mqtt://me:secret@nowhere.invalid')).toMatch(
        /mqtt:\/\/nowhere.invalid cannot be reached/,
      );
      expect(await sentence('mqtt://me:secret@127.0.0.1:9')).toMatch(/ECONNREFUSED/);
    });

    it('that another broker listens there', async () => {
      expect(await sentence(await somebody(Buffer.from('-ERR unknown command\r\n')))).toMatch(
        /is something else/,
      );
      expect(
        await sentence(await somebody(Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]))),
      ).toMatch(/is something else/);
    });

    it('that what listens there does not answer', async () => {
      expect(await sentence(await somebody())).toMatch(/cannot be reached/);
    });
  });
});

const heard = (client: MqttClient): Promise<Sent> =>
  new Promise((resolve) => client.once('message', (...said) => resolve(said)));

function envelopeOf(type: string, more: Partial<Envelope>): Envelope {
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
    ...more,
  };
}
