import { Logger } from '@nestjs/common';
import { command, type Contract } from '@parley/contract';
import { type Envelope, type Store } from '@parley/messaging';
import {
  type Delivery,
  HandlerRegistry,
  type Outcome,
  type OutgoingMessage,
  type ParkedMessage,
  systemClock,
  type Transport,
} from '@parley/messaging/transport';
import { type Channel, type ChannelModel, connect, type GetMessage } from 'amqplib';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { eventually, eventuallyPasses, ownTime } from '@parley/conformance';
import { z } from 'zod';
import { Address } from './address';
import { CommandConsumer } from './command-consumer';
import { CommandPublisher } from './publisher';
import { rabbitmq } from './rabbitmq';
import { deadQueue, delayQueues, laneOf, laneQueues } from './topology';

/** Until a channel that the broker closed is open again, on a busy machine. */
const ANOTHER_CHANNEL_MS = 20_000;

const url = process.env.RABBITMQ_URL ?? '';
/**
 * A command with the arguments `down rabbitmq` and `up rabbitmq`; without it nothing is restarted.
 */
const restart = process.env.BROKERS_SCRIPT ?? '';
if (!url) process.stdout.write('RabbitMQ: not run, for RABBITMQ_URL is not set\n');

Logger.overrideLogger(false);
jest.setTimeout(30_000);

(url ? describe : describe.skip)('commands over RabbitMQ', () => {
  let owner: string;
  let broker: ChannelModel;
  let direct: Channel;
  let buried: Array<{ message: ParkedMessage; failure: { message: string } }>;
  let opened: Array<{ close(): Promise<void> }>;
  let contracts: { loose: Contract; keyed: Contract };

  beforeEach(async () => {
    owner = `t-${randomUUID().slice(0, 8)}`;
    contracts = {
      loose: command(`${owner}.do-this`, z.object({ n: z.number() })),
      keyed: command(`${owner}.do-that`, z.object({ key: z.string(), n: z.number() }), {
        key: 'key',
      }),
    };
    buried = [];
    opened = [];
    broker = await connect(url);
    broker.on('error', () => undefined);
    direct = await broker.createChannel();
    direct.on('error', () => undefined);
  });

  afterEach(async () => {
    for (const { close } of opened.reverse()) await close();
    const tidy = await connect(url);
    const channel = await tidy.createChannel();
    for (const queue of [owner, ...laneQueues(owner), ...delayQueues(owner), deadQueue(owner)])
      await channel.deleteQueue(queue);
    await tidy.close();
    await broker.close().catch(() => undefined);
  });

  const lanes: Pick<Store['lanes'], 'deadLetter'> = {
    deadLetter: async (_tx, message, failure) => void buried.push({ message, failure }),
  };
  const store = { lanes } as Store;

  async function transport(at = url): Promise<Transport> {
    const made = rabbitmq.open!(at, {
      service: owner,
      instance: `${owner}-${randomUUID().slice(0, 4)}`,
      clock: systemClock,
      store,
      log: () => undefined,
    });
    await made.connect();
    opened.push({ close: () => made.close() });
    return made;
  }

  /** An instance of the owner that delivers every message to `handle`. */
  async function instance(handle: Handle = () => done, concurrency = 10, at?: Transport) {
    const carrier = at ?? (await transport());
    const received = new Received(handle);
    const intake = carrier.consumer(
      'command',
      new HandlerRegistry(owner, concurrency),
      received.deliver,
    ) as CommandConsumer;
    for (const contract of Object.values(contracts))
      intake.addHandler(contract.name, async () => undefined, true, extras(contract));
    opened.push({ close: () => intake.close() });
    await new Promise<void>((resolve, reject) =>
      intake.listen((error) => (error ? reject(error) : resolve())),
    );
    return { intake, received, close: () => intake.close() };
  }

  const loose = (n: number, more: Partial<OutgoingMessage> = {}) =>
    message(contracts.loose, { n }, more);
  const keyed = (key: string, n: number, more: Partial<OutgoingMessage> = {}) =>
    message(contracts.keyed, { key, n }, more, key);

  it('carries every byte of the body and every attribute of the envelope', async () => {
    const sender = await transport();
    const { received } = await instance();
    const sent = loose(1, { body: Buffer.from([0, 255, 0, 0x7b, 0xc3, 0x28, 10]) });
    await sender.publish([sent]);
    const [delivery] = await received.until(1);
    expect(delivery!.body.equals(sent.body)).toBe(true);
    expect(delivery!.headers).toEqual(sent.envelope);
    expect(delivery).toMatchObject({
      attempt: 1,
      failure: undefined,
      supports: { retry: true, dead: false },
    });
  });

  it('keeps commands for an owner that never ran', async () => {
    const sender = await transport();
    await sender.publish([loose(1), keyed('a', 2)]);
    const { received } = await instance();
    expect(numbers(await received.until(2)).sort()).toEqual([1, 2]);
  });

  it('finds the one because of which the broker closes the channel, and says each of the others', async () => {
    const publisher = new CommandPublisher(new Address(url), () => undefined);
    await publisher.connect();
    opened.push({ close: () => publisher.close() });
    const put = (expiration?: string) => {
      const properties = { messageId: randomUUID(), persistent: true, mandatory: true, expiration };
      return {
        send: () => publisher.put(owner, owner, { body: Buffer.from('{}'), properties }),
        expiration,
      };
    };
    let waiting = [put(), put(), put('soon, says the forger'), put(), put()];
    const taken: unknown[] = [];
    for (const until = Date.now() + ANOTHER_CHANNEL_MS; waiting.length > 0 && Date.now() < until;) {
      const results = await Promise.all(
        waiting.map((one) =>
          one.send().then(
            () => ({ one }),
            (error: Error) => ({ one, error }),
          ),
        ),
      );
      taken.push(...results.filter((result) => !('error' in result)));
      const refused = results.find(
        (result) => 'error' in result && result.error.name === 'UnpublishableError',
      );
      if (refused) expect(refused.one.expiration).toBeDefined();
      waiting = results
        .filter((result) => 'error' in result && result !== refused)
        .map(({ one }) => one);
      if (refused)
        expect(refused).toMatchObject({
          error: { message: expect.stringMatching(/invalid expiration/) },
        });
      else await sleep(50); // the channel is being opened again
    }
    expect([taken.length, waiting.length]).toEqual([4, 0]);
  });

  it('rejects a command whose queue is gone, and declares the queue anew', async () => {
    const sender = await transport();
    await sender.publish([loose(1)]);
    await direct.deleteQueue(owner);
    await expect(sender.publish([loose(2)])).rejects.toMatchObject({
      name: 'UnroutableError',
      message: expect.stringContaining(owner),
    });
    await eventuallyPasses(() => sender.publish([loose(3)]));
    const { received } = await instance();
    expect(numbers(await received.until(1))).toEqual([3]);
  });

  it('brings a failed command back when it is due, with its attempt and what failed', async () => {
    const after = 1_200;
    const failure = {
      error: 'Error',
      message: 'no luck',
      stack: '',
      tries: 4,
      instance: 'i',
      firstFailedAt: 'a',
      lastFailedAt: 'b',
    };
    const at: number[] = [];
    const { received } = await instance(({ attempt }) => {
      at.push(Date.now());
      return attempt === 1 ? { kind: 'retry', after, failure } : done;
    });
    const sent = loose(1);
    await (await transport()).publish([sent]);
    const [, second] = await received.until(2);
    expect(second).toMatchObject({ attempt: 2, failure, headers: sent.envelope });
    expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(after);
  });

  it('lets a failed command wait on the rung of its delay, for that long', async () => {
    const after = 1_200;
    const { received, close } = await instance(() => ({
      kind: 'retry',
      after,
      failure: {} as never,
    }));
    await (await transport()).publish([loose(1)]);
    await received.until(1);
    await close();
    const again = await eventually(() => direct.get(owner, { noAck: true }), 'it to be due');
    expect((again as GetMessage).properties.headers?.['x-death']).toEqual([
      expect.objectContaining({
        queue: `${owner}.delay.1s`,
        reason: 'expired',
        'original-expiration': String(after),
      }),
    ]);
  });

  it('acknowledges a failed command only when its copy is confirmed', async () => {
    const carrier = await transport();
    const { received, intake } = await instance(
      () => ({ kind: 'retry', after: 60_000, failure: {} as never }),
      10,
      carrier,
    );
    await carrier.publish([loose(1)]);
    await received.until(1);
    await eventuallyPasses(async () =>
      expect((await intake.backlog())[0]).toMatchObject({ waiting: 0, delayed: 1 }),
    );
    await carrier.close();
    // Its copies cannot be stored any more: the original has to stay.
    await (await transport()).publish([loose(2)]);
    await received.until(2);
    await eventuallyPasses(async () =>
      expect((await intake.backlog())[0]).toMatchObject({ delayed: 1 }),
    );
    dropConnection(intake);
    const again = await received.until(3);
    expect(numbers(again)).toEqual([1, 2, 2]);
  });

  it('holds a command back for its delay, and leads it to its lane then', async () => {
    const { received } = await instance();
    const sender = await transport();
    const before = Date.now();
    await sender.publish([keyed('a', 1, { delay: 1_100 }), keyed('a', 2)]);
    const deliveries = await received.until(2);
    expect(numbers(deliveries)).toEqual([2, 1]);
    expect(Date.now() - before).toBeGreaterThanOrEqual(1_100);
    expect(deliveries[1]).toMatchObject({ attempt: 1, supports: { retry: false, dead: false } });
  });

  it('delivers again when the connection is lost, and aborts what was under way', async () => {
    let aborted: unknown;
    const { received, intake } = await instance(async ({ signal }) => {
      if (aborted) return done;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      aborted = signal.reason;
      return done;
    });
    await (await transport()).publish([loose(1), keyed('a', 2)]);
    await received.until(2);
    expect(intake.health().state).toBe('consuming');
    dropConnection(intake);
    await eventuallyPasses(() =>
      expect(intake.health()).toMatchObject({
        state: 'disconnected',
        reason: expect.stringContaining('lost'),
      }),
    );
    const again = (await received.until(4)).slice(2);
    expect(numbers(again).sort()).toEqual([1, 2]);
    expect(again.map(({ attempt }) => attempt)).toEqual([1, 1]); // a delivery without an outcome is no attempt
    expect(aborted).toMatchObject({ message: expect.stringContaining('connection') });
    await eventuallyPasses(() =>
      expect(intake.health()).toEqual({
        technology: 'rabbitmq',
        kind: 'command',
        state: 'consuming',
      }),
    );
  });

  it('handles the commands of a key in order, one at a time, while instances join and leave', async () => {
    const order = new Map<string, number[]>();
    const busy = new Set<string>();
    let overlaps = 0;
    const handle: Handle = async ({ headers, body, attempt }) => {
      const key = headers.partitionkey!;
      // A repetition may meet the handling that lost its connection and has not noticed.
      if (busy.has(key) && attempt === 1) overlaps++;
      busy.add(key);
      await turn();
      order.set(key, [...(order.get(key) ?? []), numberIn(body)]);
      busy.delete(key);
      return done;
    };
    const first = await instance(handle);
    const sender = await transport();
    const keys = Array.from({ length: 40 }, (_, k) => `key-${k}`);
    let sent = 0;
    let going = true;
    const isCaughtUp = () => keys.every((key) => (order.get(key)?.length ?? 0) > sent - 10);
    // No faster than the instances handle: what waits at the end is bounded on any machine.
    const sending = (async () => {
      for (; going; sent++) {
        await sender.publish(keys.map((key) => keyed(key, sent)));
        await eventuallyPasses(() => expect(isCaughtUp() || !going).toBe(true));
      }
    })();
    const second = await instance(handle);
    await eventuallyPasses(() => expect(second.intake.activeLanes).toBeGreaterThanOrEqual(6));
    await eventuallyPasses(() => expect(first.intake.activeLanes).toBeLessThanOrEqual(8));
    const third = await instance(handle);
    await first.close();
    dropConnection(second.intake);
    await eventuallyPasses(() => expect(third.intake.activeLanes).toBeGreaterThanOrEqual(6));
    going = false;
    await sending;
    await eventuallyPasses(() =>
      expect([...order.values()].map((seen) => new Set(seen).size)).toEqual(keys.map(() => sent)),
    );
    // Unacknowledged messages of the lost connection may repeat; no message may come for the first
    // time behind a later one.
    const firsts = [...order.values()].map((seen) => [...new Set(seen)]);
    expect(firsts).toEqual(keys.map(() => Array.from({ length: sent }, (_, n) => n)));
    expect(overlaps).toBe(0);
  });

  it('runs different keys of a lane side by side and never more than the concurrency', async () => {
    let now = 0;
    let most = 0;
    const { received } = await instance(async () => {
      most = Math.max(most, ++now);
      await turn();
      now--;
      return done;
    }, 3);
    await (await transport()).publish(Array.from({ length: 60 }, (_, n) => keyed(`k${n}`, n)));
    await received.until(60);
    expect(most).toBe(3);
  });

  it('hands nothing over after stop, and what it holds goes to others without counting', async () => {
    let finish!: () => void;
    const first = await instance(
      () => new Promise<Outcome>((resolve) => (finish = () => resolve(done))),
      1,
    );
    const sender = await transport();
    await sender.publish([keyed('a', 1)]);
    await first.received.until(1);
    // The one slot is taken: the first of these is held, the second one waits at the broker.
    await sender.publish([loose(2), loose(3)]);
    await eventuallyPasses(async () =>
      expect((await first.intake.backlog())[0]).toMatchObject({ waiting: 1 }),
    );
    await first.intake.stop();
    const second = await instance();
    finish();
    await first.close();
    const taken = await second.received.until(2);
    expect(numbers(taken).sort()).toEqual([2, 3]);
    expect(taken.map(({ attempt }) => attempt)).toEqual([1, 1]);
    expect(numbers(first.received.all)).toEqual([1]);
    expect(first.intake.health().state).toBe('stopped');
  });

  it('lets go of a lane only when what is under way there has ended', async () => {
    let finish!: () => void;
    const first = await instance(
      () => new Promise<Outcome>((resolve) => (finish = () => resolve(done))),
    );
    const second = await instance();
    const sender = await transport();
    await sender.publish([keyed('a', 1), keyed('a', 2)]);
    await first.received.until(1);
    await first.intake.stop();
    // The idle lanes go on elsewhere at once.
    const elsewhere = Array.from({ length: 100 }, (_, n) => `k${n}`).find(
      (key) => laneOf(owner, key) !== laneOf(owner, 'a'),
    )!;
    await sender.publish([keyed(elsewhere, 3)]);
    await second.received.until(1);
    finish();
    await second.received.until(2);
    expect(numbers(second.received.all)).toEqual([3, 2]);
    expect(numbers(first.received.all)).toEqual([1]);
  });

  it('aborts what is still under way when the drain runs out of time, and it comes again', async () => {
    const now = jest.spyOn(Date, 'now');
    const { intake, received } = await instance(
      ({ signal }) =>
        new Promise((resolve) =>
          signal.addEventListener('abort', () => resolve({ kind: 'return' })),
        ),
    );
    await (await transport()).publish([loose(1), keyed('a', 2)]);
    await received.until(2);
    await intake.stop();
    now.mockReturnValue(Date.now() + 20_000);
    await intake.close();
    now.mockRestore();
    const second = await instance();
    expect(numbers(await second.received.until(2)).sort()).toEqual([1, 2]);
  });

  it('gives a command back that the pipeline returned, without counting it, and in its place', async () => {
    const returned = new Set<string>();
    const once: Handle = ({ headers: { type } }) =>
      returned.has(type!) ? done : (returned.add(type!), { kind: 'return' });
    const { received } = await instance(once);
    await (await transport()).publish([keyed('a', 1), keyed('a', 2), loose(3)]);
    const deliveries = await received.until(5);
    expect(numbers(deliveries).filter((n) => n < 3)).toEqual([1, 1, 2]);
    expect(deliveries.map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1, 1]);
  });

  it('keeps what the broker gave up on, with the reason', async () => {
    await (await transport()).publish([keyed('a', 1)]);
    const queue = laneOf(owner, 'a');
    await direct.consume(queue, (message) => direct.nack(message!, false, false), {
      consumerTag: 'refuses',
    });
    await eventuallyPasses(async () =>
      expect((await direct.checkQueue(deadQueue(owner))).messageCount).toBe(1),
    );
    await direct.cancel('refuses');
    await instance();
    await eventuallyPasses(() => expect(buried).toHaveLength(1));
    expect(buried[0]).toMatchObject({
      message: { subscription: owner, key: 'a', headers: { type: contracts.keyed.name } },
      failure: { error: 'GivenUpByBroker' },
    });
    expect(buried[0]!.failure.message).toContain(`${queue}: rejected`);
    await eventuallyPasses(async () =>
      expect((await direct.checkQueue(deadQueue(owner))).messageCount).toBe(0),
    );
  });

  it('consumes again when its queue was deleted', async () => {
    const { received, intake } = await instance();
    const sender = await transport();
    await sender.publish([loose(0)]);
    await direct.deleteQueue(owner);
    await eventuallyPasses(() => sender.publish([loose(1)]));
    await eventuallyPasses(() => expect(numbers(received.all)).toContain(1));
    await direct.deleteQueue(laneOf(owner, 'a'));
    await eventuallyPasses(() => sender.publish([keyed('a', 2)]));
    await eventuallyPasses(() => expect(numbers(received.all)).toContain(2));
    await eventuallyPasses(() => expect(intake.health().state).toBe('consuming'));
  });

  it('understands a producer without Nest', async () => {
    const { received } = await instance();
    const headers = {
      'cloudEvents:specversion': '1.0',
      'cloudEvents:id': 'x-1',
      'cloudEvents:type': contracts.loose.name,
      'cloudEvents:source': '/cobol',
      tenant: 7,
    };
    direct.publish('', owner, Buffer.from('{"n":1}'), { contentType: 'application/json', headers });
    const [delivery] = await received.until(1);
    expect(delivery!.headers).toEqual({
      specversion: '1.0',
      id: 'x-1',
      type: contracts.loose.name,
      source: '/cobol',
      datacontenttype: 'application/json',
      tenant: '7',
    });
    expect(delivery!.body.toString()).toBe('{"n":1}');
  });

  it('is understood by a consumer without Nest', async () => {
    const sent = loose(1);
    await (await transport()).publish([sent]);
    const { content, properties } = (await direct.get(owner)) as GetMessage;
    expect(content.toString()).toBe('{"n":1}');
    expect(properties).toMatchObject({
      messageId: sent.envelope.id,
      contentType: 'application/json',
      deliveryMode: 2,
    });
    expect(properties.headers).toMatchObject({
      'cloudEvents:id': sent.envelope.id,
      'cloudEvents:type': contracts.loose.name,
      'cloudEvents:specversion': '1.0',
    });
  });

  it('tells how many wait, are delayed and are dead', async () => {
    let finish!: () => void;
    const { intake, received } = await instance(
      () => new Promise((resolve) => (finish = () => resolve(done))),
      1,
    );
    const sender = await transport();
    await sender.publish([loose(1)]);
    await received.until(1);
    await sender.publish([loose(2), loose(3), loose(4, { delay: 60_000 })]);
    await eventuallyPasses(async () =>
      expect(await intake.backlog()).toEqual([
        { subscription: owner, waiting: 2, parked: 0, delayed: 1, dead: 0 },
      ]),
    );
    await intake.stop();
    finish();
  });

  it('says what the durability depends on', async () => {
    const findings = await (await transport()).checkDurability!();
    expect(findings.map(({ verdict }) => verdict)).toEqual(['safe', 'safe', 'unknown']);
    expect(findings[0]!.what).toMatch(/^version \d/);
  });

  describe('says in one sentence, without the password, and in less than 15 s', () => {
    const failing = (at: string) =>
      rabbitmq.open!(at, {
        service: owner,
        instance: 'i',
        clock: systemClock,
        log: () => undefined,
      }).connect();
    const sentence = (error: unknown) => {
      expect(error).toBeInstanceOf(Error);
      const { message } = error as Error;
      expect(message).not.toContain('secret');
      expect(message).not.toContain('\n');
      return message;
    };

    it('that the password is wrong', async () => {
      const at = new URL(url);
      at.password = 'secret';
      expect(sentence(await failing(at.href).catch((error) => error))).toMatch(
        /refuses the user "guest"/,
      );
    });

    it('that there is no such virtual host', async () => {
      const at = new URL(url);
      at.pathname = '/nowhere';
      expect(sentence(await failing(at.href).catch((error) => error))).toMatch(
        /no such virtual host/,
      );
    });

    it('that the host is unknown', async () => {
      expect(
        sentence(await failing('amqp://me:secret@nowhere.invalid').catch((error) => error)),
      ).toMatch(/amqp:\/\/nowhere.invalid cannot be reached/);
    });

    it('that nothing listens there', async () => {
      expect(
        sentence(await failing('amqp://me:secret@127.0.0.1:9').catch((error) => error)),
      ).toMatch(/ECONNREFUSED/);
    });

    it('that what listens there does not answer', async () => {
      const sockets = new Set<Socket>();
      const mute = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1');
      await once(mute, 'listening');
      const { port } = mute.address() as { port: number };
      const [took, error] = await ownTime<unknown>(() =>
        failing(`amqp://me:secret@127.0.0.1:${port}`).catch((thrown: unknown) => thrown),
      );
      expect(sentence(error)).toMatch(/cannot be reached/);
      expect(took).toBeLessThan(15_500);
      for (const socket of sockets) socket.destroy();
      mute.close();
    });

    it.each([
      ['Redis', Buffer.from('-ERR unknown command\r\n')],
      ['AMQP 1.0', Buffer.from([0x41, 0x4d, 0x51, 0x50, 3, 1, 0, 0])],
      ['a web server', Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')],
    ])('that %s listens there', async (_, answer) => {
      const other = createServer((socket) =>
        socket.on('error', () => undefined).end(answer),
      ).listen(0, '127.0.0.1');
      await once(other, 'listening');
      const { port } = other.address() as { port: number };
      expect(
        sentence(await failing(`amqp://me:secret@127.0.0.1:${port}`).catch((error) => error)),
      ).toMatch(/is something else/);
      other.close();
    });

    it('that a queue is missing which is not its own to make', async () => {
      const verifying = rabbitmq.open!(url, {
        service: owner,
        instance: 'i',
        clock: systemClock,
        store,
        topology: 'verify',
        log: () => undefined,
      });
      await verifying.connect();
      opened.push({ close: () => verifying.close() });
      expect(
        sentence(await instance(() => done, 10, verifying).catch((error: unknown) => error)),
      ).toMatch(/has no queue .* only verified/);
      expect(sentence(await verifying.publish([loose(1)]).catch((error) => error))).toMatch(
        /has no queue/,
      );
      await (await transport()).publish([loose(1)]);
      const { received } = await instance(() => done, 10, verifying);
      expect(numbers(await received.until(1))).toEqual([1]);
    });

    it('that a queue has other settings', async () => {
      await direct.assertQueue(owner, { durable: true });
      const started = await instance().catch((error: unknown) => error);
      expect(sentence(started)).toMatch(new RegExp(`holds ${owner} with other settings`));
      const sender = await transport();
      expect(sentence(await sender.publish([loose(1)]).catch((error) => error))).toMatch(
        /with other settings/,
      );
    });
  });

  (restart ? it : it.skip)(
    'loses nothing when the broker is restarted in the middle',
    async () => {
      const { received, intake } = await instance();
      const sender = await transport();
      const confirmed = new Set<number>();
      let going = true;
      const sending = (async () => {
        for (let n = 0; going; n++) {
          const both = [loose(n), keyed(`k${n % 7}`, n)];
          // As a relay does: until it is confirmed.
          for (let sent = false; !sent;)
            sent = await sender.publish(both).then(
              () => true,
              () => false,
            );
          confirmed.add(n);
        }
      })();
      await received.until(200);
      const brokers = (verb: string) => promisify(execFile)('bash', [restart, verb, 'rabbitmq']);
      await brokers('down');
      await eventuallyPasses(() => expect(intake.health().state).toBe('disconnected'));
      await brokers('up');
      await eventuallyPasses(() => expect(intake.health().state).toBe('consuming'), 60_000);
      const before = received.all.length;
      await received.until(before + 200);
      going = false;
      await sending;
      await eventuallyPasses(() =>
        expect(
          [...confirmed].filter(
            (n) => !received.has(contracts.loose, n) || !received.has(contracts.keyed, n),
          ),
        ).toEqual([]),
      );
    },
    150_000,
  );
});

type Handle = (delivery: Delivery) => Outcome | Promise<Outcome>;
const done: Outcome = { kind: 'done', settled: false };

/** Delivered messages, and a way to wait for them. */
class Received {
  readonly all: Delivery[] = [];
  private readonly seen = new Set<string>();
  private waiting: Array<() => void> = [];

  constructor(private readonly handle: Handle) {}

  readonly deliver = async (delivery: Delivery): Promise<Outcome> => {
    this.all.push(delivery);
    this.seen.add(`${delivery.headers.type}:${delivery.body.toString()}`);
    for (const wake of this.waiting.splice(0)) wake();
    return this.handle(delivery);
  };

  has(contract: Contract, n: number): boolean {
    return this.seen.has(
      `${contract.name}:${JSON.stringify(contract.key ? { key: `k${n % 7}`, n } : { n })}`,
    );
  }

  async until(count: number): Promise<Delivery[]> {
    while (this.all.length < count)
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    return this.all.slice(0, count);
  }
}

function message(
  contract: Contract,
  payload: object,
  more: Partial<OutgoingMessage>,
  partitionkey?: string,
): OutgoingMessage {
  const envelope: Envelope = {
    specversion: '1.0',
    id: randomUUID(),
    type: contract.name,
    source: '/spec',
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    contractversion: '1',
    correlationid: randomUUID(),
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    producerinstance: 'spec',
    producerbuild: 'x',
    ...(partitionkey !== undefined && { partitionkey }),
  };
  return { contract, envelope, body: Buffer.from(JSON.stringify(payload)), ...more };
}

function extras(contract: Contract) {
  return { contract, options: {}, handlerClass: { name: 'Spec' }, method: contract.name };
}

const numberIn = (body: Buffer): number => (JSON.parse(body.toString()) as { n: number }).n;
const numbers = (deliveries: readonly Delivery[]): number[] =>
  deliveries.map(({ body }) => numberIn(body));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Cuts the connection, which looks like a crash of the process to the broker. */
function dropConnection(intake: CommandConsumer): void {
  const manager = intake.unwrap<{ connection: { connection: { stream: Socket } } }>();
  manager.connection.connection.stream.destroy(new Error('cut'));
}
