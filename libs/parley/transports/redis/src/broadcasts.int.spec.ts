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
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { eventuallyPasses, ownTime } from '@parley/conformance';
import { z } from 'zod';
import { RedisBroadcastConsumer } from './broadcast-consumer';
import { redis } from './redis';

const url = process.env.REDIS_URL ?? '';
if (!url) process.stdout.write('Redis: not run, for REDIS_URL is not set\n');

Logger.overrideLogger(false);
jest.setTimeout(30_000);

(url ? describe : describe.skip)('broadcasts over Redis', () => {
  const contract = broadcast('t.price-changed', z.object({ n: z.number() }));
  const channel = 'parley.t.price-changed';
  let direct: Redis;
  let road: Road;
  let opened: Array<{ close(): Promise<void> }>;
  let warnings: string[];

  beforeEach(async () => {
    direct = new Redis(url);
    road = new Road(new URL(url));
    await road.open();
    opened = [];
    warnings = [];
  });

  afterEach(async () => {
    for (const { close } of opened.reverse()) await close();
    road.close();
    direct.disconnect();
  });

  function closed(at: string): Transport {
    return redis.open!(at, {
      service: 't',
      instance: 't-1',
      clock: systemClock,
      log: (_level, text) => warnings.push(text),
    });
  }

  async function transport(at = road.url): Promise<Transport> {
    const made = closed(at);
    await made.connect();
    opened.push({ close: () => made.close() });
    return made;
  }

  async function listener(
    handle: (delivery: Delivery) => Promise<Outcome> = async () => done,
    concurrency = 10,
  ) {
    const received: Delivery[] = [];
    let wake = () => {};
    const deliver = (delivery: Delivery) => {
      received.push(delivery);
      wake();
      return handle(delivery);
    };
    const intake = (await transport()).consumer(
      'broadcast',
      new HandlerRegistry('t', concurrency),
      deliver,
    ) as RedisBroadcastConsumer;
    intake.addHandler(contract.name, async () => undefined, true, {
      contract,
      options: {},
      handlerClass: { name: 'Spec' },
      method: 'on',
    });
    opened.push({ close: () => intake.close() });
    await new Promise<void>((resolve, reject) =>
      intake.listen((error) => (error ? reject(error) : resolve())),
    );
    const until = async (count: number) => {
      while (received.length < count) await new Promise<void>((resolve) => (wake = resolve));
      return received;
    };
    return { intake, received, until };
  }

  it('carries every byte and every attribute to everyone who listens', async () => {
    const [one, other] = [await listener(), await listener()];
    const sent = sending(contract, Buffer.from([123, 0, 255]));
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
    await expect((await transport()).publish([sending(contract)])).resolves.toBeUndefined();
  });

  it('listens again after its connection was lost, and tells that it was away', async () => {
    const { intake, until } = await listener();
    const sender = await transport(url);
    expect(intake.health()).toEqual({ technology: 'redis', kind: 'broadcast', state: 'consuming' });
    road.block();
    await eventuallyPasses(() =>
      expect(intake.health()).toMatchObject({
        state: 'disconnected',
        reason: expect.stringContaining('redis://'),
      }),
    );
    await road.open();
    await eventuallyPasses(() => expect(intake.health().state).toBe('consuming'));
    await eventuallyPasses(async () =>
      expect(await direct.pubsub('NUMSUB', channel)).toEqual([channel, 1]),
    );
    await sender.publish([sending(contract)]);
    await until(1);
  });

  it('rejects what it could not say, and says it when the connection is back', async () => {
    const sender = await transport();
    const { until } = await listener();
    road.block();
    const [took, error] = await ownTime(() =>
      sender.publish([sending(contract)]).catch((thrown: unknown) => thrown),
    );
    expect(error).toMatchObject({
      name: 'UnconfirmedError',
      message: expect.stringContaining(channel),
    });
    expect(took).toBeLessThan(11_000);
    await road.open();
    await eventuallyPasses(async () =>
      expect(await direct.pubsub('NUMSUB', channel)).toEqual([channel, 1]),
    );
    await sender.publish([sending(contract)]);
    expect(await until(1)).toHaveLength(1);
  });

  it('handles no more at a time than asked for', async () => {
    let now = 0;
    let most = 0;
    const { until } = await listener(async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now--;
      return done;
    }, 3);
    const sender = await transport();
    await sender.publish(Array.from({ length: 50 }, () => sending(contract)));
    await until(50);
    expect(most).toBe(3);
  });

  it('brings nothing more after stop, and aborts what is under way when closed', async () => {
    let aborted = false;
    const { intake, received, until } = await listener(async ({ signal }) => {
      await once(signal, 'abort');
      aborted = true;
      return done;
    });
    const sender = await transport();
    await sender.publish([sending(contract)]);
    await until(1);
    await intake.stop();
    await sender.publish([sending(contract)]);
    expect(await direct.pubsub('NUMSUB', channel)).toEqual([channel, 0]);
    await intake.close();
    expect(aborted).toBe(true);
    expect(received).toHaveLength(1);
    expect(intake.health().state).toBe('stopped');
  });

  it('understands a speaker without Nest, and ignores what is no CloudEvent', async () => {
    const { until } = await listener();
    await direct.publish(channel, 'hello');
    await direct.publish(
      channel,
      '{"specversion":"1.0","id":"x","type":"t.price-changed","source":"/cobol","tenant":7,"data":{"n":1}}',
    );
    const [delivery] = await until(1);
    expect(delivery!.headers).toEqual({
      specversion: '1.0',
      id: 'x',
      type: 't.price-changed',
      source: '/cobol',
      tenant: '7',
    });
    expect(delivery!.body.toString()).toBe('{"n":1}');
    expect(warnings).toEqual([expect.stringContaining('unreadable')]);
  });

  it('is understood by a listener without Nest', async () => {
    const other = new Redis(url);
    await other.subscribe(channel);
    const heard = once(other, 'message');
    const sent = sending(contract);
    await (await transport()).publish([sent]);
    const [, document] = (await heard) as [string, string];
    expect(JSON.parse(document)).toEqual({ ...sent.envelope, data: { n: 1 } });
    other.disconnect();
  });

  it.each([
    [
      'that the password is wrong',
      () => Object.assign(new URL(url), { username: 'me', password: 'secret' }).href,
      /refuses the user/,
    ],
    [
      'that it asks for no password',
      () => Object.assign(new URL(url), { password: 'secret' }).href,
      /asks nobody for a password|refuses the user/,
    ],
    [
      'that the host is unknown',
      () => 'redis://me:secret@nowhere.invalid',
      /redis:\/\/nowhere.invalid cannot be reached/,
    ],
    ['that nothing listens there', () => 'redis://:secret@127.0.0.1:9', /ECONNREFUSED/],
  ])('says in one sentence, without the password, %s', async (_, at, expected) => {
    const error = await closed(at())
      .connect()
      .catch((thrown: unknown) => thrown as Error);
    expect(error).toMatchObject({
      name: 'RedisUnavailableError',
      message: expect.stringMatching(expected),
    });
    expect((error as Error).message).not.toMatch(/secret|\n/);
  });
});

const done: Outcome = { kind: 'done', settled: false };

function sending(
  contract: OutgoingMessage['contract'],
  body = Buffer.from('{"n":1}'),
): OutgoingMessage {
  const envelope: Envelope = {
    specversion: '1.0',
    id: randomUUID(),
    type: contract.name,
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
  return { contract, envelope, body };
}

/** A way to Redis that can be blocked. */
class Road {
  private readonly sockets = new Set<Socket>();
  private server?: Server;
  private port = 0;

  constructor(private readonly to: URL) {}

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async open(): Promise<void> {
    this.server = createServer((near) => {
      const far = connect(Number(this.to.port || 6379), this.to.hostname);
      for (const socket of [near, far]) this.sockets.add(socket.on('error', () => undefined));
      near.pipe(far).pipe(near);
    }).listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as { port: number }).port;
  }

  block(): void {
    this.server?.close();
    for (const socket of this.sockets) socket.destroy();
    this.sockets.clear();
  }

  close(): void {
    this.block();
  }
}
