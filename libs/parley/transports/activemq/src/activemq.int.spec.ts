import { Logger } from '@nestjs/common';
import { broadcast, command, type Contract } from '@parley/contract';
import { type Envelope, type Store } from '@parley/messaging';
import {
  type Delivery,
  HandlerRegistry,
  type Outcome,
  type OutgoingMessage,
  type ParkedMessage,
  systemClock,
  type Transport,
  type TransportContext,
} from '@parley/messaging/transport';
import { eventuallyPasses, TcpProxy } from '@parley/conformance';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import rhea, { type Connection, type EventContext, type Message } from 'rhea';
import { z } from 'zod';
import { activemq } from './activemq';
import { Address } from './address';
import type { CommandConsumer } from './command-consumer';
import { AmqpConnection } from './amqp-connection';
import { addressOf, deadQueue, laneOf } from './topology';
import { managing, removeTraces } from './traces.fixture';

const url = process.env.ACTIVEMQ_URL ?? '';
if (!url) process.stdout.write('ActiveMQ: not run, for ACTIVEMQ_URL is not set\n');

Logger.overrideLogger(false);
jest.setTimeout(60_000);

const done: Outcome = { kind: 'done', settled: false };
type Handle = (delivery: Delivery) => Outcome | Promise<Outcome>;

(url ? describe : describe.skip)('over ActiveMQ', () => {
  let owner: string;
  let direct: Connection;
  let line: AmqpConnection;
  let buried: Array<{ message: ParkedMessage; failure: { message: string; error: string } }>;
  let opened: Array<{ close(): Promise<void> }>;
  let contracts: { loose: Contract; keyed: Contract; news: Contract };

  beforeEach(async () => {
    owner = `t-${randomUUID().slice(0, 8)}`;
    contracts = {
      loose: command(`${owner}.do-this`, z.object({ n: z.number() })),
      keyed: command(`${owner}.do-that`, z.object({ key: z.string(), n: z.number() }), {
        key: 'key',
      }),
      news: broadcast(`${owner}.it-happened`, z.object({ n: z.number() })),
    };
    buried = [];
    opened = [];
    line = new AmqpConnection(new Address(url), 'spec');
    await line.start();
    direct = await line.arrival();
  });

  afterEach(async () => {
    for (const { close } of opened.reverse()) await close();
    await line.close();
    await removeTraces(url, [owner]);
  });

  const lanes: Pick<Store['lanes'], 'deadLetter'> = {
    deadLetter: async (_tx, message, failure) => void buried.push({ message, failure }),
  };
  const store = { lanes } as Store;

  const closed = (at: string, more: Partial<TransportContext> = {}): Transport =>
    activemq.open!(at, {
      service: owner,
      instance: `${owner}-${randomUUID().slice(0, 4)}`,
      clock: systemClock,
      store,
      log: () => undefined,
      ...more,
    });

  async function transport(at = url, more: Partial<TransportContext> = {}): Promise<Transport> {
    const made = closed(at, more);
    opened.push({ close: () => made.close() });
    await made.connect();
    return made;
  }

  /** An instance of the owner that hands everything to `handle`. */
  async function instance(
    handle: Handle = () => done,
    {
      concurrency = 10,
      at = url,
      kind = 'command' as 'command' | 'broadcast',
      more = {} as Partial<TransportContext>,
    } = {},
  ) {
    const received = new Received(handle);
    const intake = (await transport(at, more)).consumer(
      kind,
      new HandlerRegistry(owner, concurrency),
      received.deliver,
    ) as CommandConsumer;
    for (const contract of Object.values(contracts).filter((one) => one.kind === kind))
      intake.addHandler(contract.name, async () => undefined, true, {
        contract,
        options: {},
        handlerClass: { name: 'Spec' },
        method: contract.name,
      });
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

  /** As any AMQP 1.0 client would. */
  async function sendDirectly(address: string, sent: Partial<Message>): Promise<void> {
    const sender = direct.open_sender({ target: { address, capabilities: ['queue'] } as never });
    await once(sender, 'sendable');
    const accepted = once(sender, 'accepted');
    sender.send({ body: '', ...sent });
    await accepted;
    sender.close();
  }

  it('carries every byte of the body and every attribute of the envelope', async () => {
    const sender = await transport();
    const sent = [
      loose(1, { body: Buffer.from([0, 255, 0, 0x7b, 0xc3, 0x28, 10]) }),
      keyed('a', 2),
    ];
    await sender.publish(sent);
    const { received } = await instance();
    const deliveries = await received.until(2);
    for (const { envelope, body } of sent) {
      const delivery = deliveries.find(({ headers }) => headers.id === envelope.id)!;
      expect(delivery).toMatchObject({ headers: envelope, attempt: 1, failure: undefined });
      expect(delivery.body.equals(body)).toBe(true);
    }
  });

  it('brings a failed command back when it is due, with its attempt and what failed', async () => {
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
    const { received, intake } = await instance(
      ({ attempt }) => (
        at.push(Date.now()),
        attempt === 1 ? { kind: 'retry', after: 1_200, failure } : done
      ),
    );
    await (await transport()).publish([loose(1)]);
    await received.until(1);
    await eventuallyPasses(async () =>
      expect(await intake.backlog()).toEqual([
        { subscription: owner, waiting: 0, parked: 0, delayed: 1, dead: 0 },
      ]),
    );
    const [, second] = await received.until(2);
    expect(second).toMatchObject({ attempt: 2, failure });
    expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(1_190);
  });

  it('handles the commands of a key in order, one at a time, while instances join and leave', async () => {
    const order = new Map<string, number[]>();
    const busy = new Map<string, string>();
    let overlaps = 0;
    const gone = new Set<string>();
    const handleBy =
      (name: string): Handle =>
      async ({ headers, body, attempt }) => {
        const key = headers.partitionkey!;
        // An instance that was closed, or lost its connection, may still run its handler, which
        // ignores its signal: its redelivered message may overlap with it.
        if (busy.has(key) && attempt === 1 && !gone.has(busy.get(key)!) && !gone.has(name))
          overlaps++;
        busy.set(key, name);
        await turn();
        order.set(key, [...(order.get(key) ?? []), numberIn(body)]);
        busy.delete(key);
        return done;
      };
    const first = await instance(handleBy('first'));
    const sender = await transport();
    const keys = Array.from({ length: 40 }, (_, k) => `key-${k}`);
    let sent = 0;
    let going = true;
    const sending = (async () => {
      for (; going; sent++) await sender.publish(keys.map((key) => keyed(key, sent)));
    })();
    const road = await TcpProxy.to(url, 61_616);
    opened.push({ close: () => road.close() });
    const second = await instance(handleBy('second'), { at: road.along(url) });
    await eventuallyPasses(() => expect(second.intake.activeLanes).toBeGreaterThanOrEqual(6));
    await eventuallyPasses(() => expect(first.intake.activeLanes).toBeLessThanOrEqual(8));
    const third = await instance(handleBy('third'));
    gone.add('first');
    await first.close();
    gone.add('second');
    road.cut();
    await eventuallyPasses(() => expect(third.intake.activeLanes).toBeGreaterThanOrEqual(6));
    going = false;
    await sending;
    await eventuallyPasses(
      () =>
        expect([...order.values()].map((seen) => new Set(seen).size)).toEqual(keys.map(() => sent)),
      40_000,
    );
    // Unaccepted messages may be repeated after the lost connection; none may come for the first
    // time behind a later one.
    expect([...order.values()].map((seen) => [...new Set(seen)])).toEqual(
      keys.map(() => Array.from({ length: sent }, (_, n) => n)),
    );
    expect(overlaps).toBe(0);
  });

  it('hands nothing over after stop, and what it holds goes to others without counting', async () => {
    let finish!: () => void;
    const first = await instance(
      () => new Promise<Outcome>((resolve) => (finish = () => resolve(done))),
      { concurrency: 1 },
    );
    const sender = await transport();
    await sender.publish([keyed('a', 1)]);
    await first.received.until(1);
    await sender.publish([keyed('a', 2), loose(3), loose(4)]);
    await eventuallyPasses(async () =>
      expect((await first.intake.backlog())[0]).toMatchObject({ waiting: 1 }),
    );
    await first.intake.stop();
    const second = await instance();
    expect(numbers(await second.received.until(2)).sort()).toEqual([3, 4]);
    finish();
    const taken = await second.received.until(3);
    expect(numbers(taken)[2]).toBe(2);
    expect(taken.map(({ attempt }) => attempt)).toEqual([1, 1, 1]);
    expect(numbers(first.received.all)).toEqual([1]);
  });

  it('settles each as it was decided, although both are settled in one tick', async () => {
    let settle!: () => void;
    const together = new Promise<void>((resolve) => (settle = resolve));
    const first = await instance(async ({ body }) => {
      await together;
      return numberIn(body) === 1 ? { kind: 'return' } : done;
    });
    const sender = await transport();
    await sender.publish([loose(1)]);
    await sender.publish([loose(2)]);
    await first.received.until(2);
    await first.intake.stop();
    settle();
    await first.close();
    await sender.publish([loose(3)]);
    const second = await instance(() => done, { concurrency: 1 });
    expect(numbers(await second.received.until(2)).sort()).toEqual([1, 3]);
  });

  it('keeps what the broker gave up on, with the reason', async () => {
    await (await transport()).publish([keyed('a', 1)]);
    const queue = laneOf(owner, 'a');
    const refusing = direct.open_receiver({
      source: { address: queue },
      autoaccept: false,
    } as never);
    const [{ delivery }] = (await once(refusing, 'message')) as [EventContext];
    delivery!.reject();
    await once(refusing.close() ?? refusing, 'receiver_close');
    await instance();
    await eventuallyPasses(() => expect(buried).toHaveLength(1));
    expect(buried[0]).toMatchObject({
      message: { subscription: owner, key: 'a', headers: { type: contracts.keyed.name } },
      failure: { error: 'GivenUpByBroker' },
    });
    expect(buried[0]!.failure.message).toContain(queue);
  });

  it('consumes again when a queue was deleted', async () => {
    const { received, intake } = await instance();
    const sender = await transport();
    await sender.publish([loose(0)]);
    await received.until(1);
    for (const [queue, again] of [
      [owner, loose(1)],
      [laneOf(owner, 'a'), keyed('a', 2)],
    ] as const) {
      await managing(url, (management) => management.ask('destroyQueue', queue, true, true));
      await eventuallyPasses(async () => {
        await sender.publish([again]);
        expect(numbers(received.all)).toContain(numberIn(again.body));
      });
      await eventuallyPasses(() => expect(intake.health().state).toBe('consuming'));
    }
  });

  it('tells that it is away, and comes back', async () => {
    const road = await TcpProxy.to(url, 61_616);
    opened.push({ close: () => road.close() });
    const { received, intake } = await instance(() => done, { at: road.along(url) });
    expect(intake.health()).toEqual({
      technology: 'activemq',
      kind: 'command',
      state: 'consuming',
    });
    road.down();
    await eventuallyPasses(() =>
      expect(intake.health()).toMatchObject({
        state: 'disconnected',
        reason: expect.stringContaining('activemq://'),
      }),
    );
    road.up();
    await (await transport()).publish([loose(1)]);
    await received.until(1);
    await eventuallyPasses(() =>
      expect(intake.health()).toEqual({
        technology: 'activemq',
        kind: 'command',
        state: 'consuming',
      }),
    );
  });

  it('understands a sender without Nest, and leads a key to its lane', async () => {
    const { received } = await instance();
    const attributes = {
      'cloudEvents:id': randomUUID(),
      'cloudEvents:type': contracts.keyed.name,
      'cloudEvents:partitionkey': 'a',
    };
    await sendDirectly(owner, {
      durable: true,
      application_properties: attributes,
      body: '{"key":"a","n":7}',
    });
    const [delivery] = await received.until(1);
    expect(delivery).toMatchObject({
      headers: { type: contracts.keyed.name, partitionkey: 'a' },
      supports: { retry: false },
    });
    expect(delivery!.body.toString()).toBe('{"key":"a","n":7}');
  });

  it('is understood by a receiver without Nest', async () => {
    await (await transport()).publish([loose(5)]);
    const receiver = direct.open_receiver({ source: { address: owner } } as never);
    const [{ message: got }] = (await once(receiver, 'message')) as [EventContext];
    expect(got).toMatchObject({
      durable: true,
      content_type: 'application/json',
      application_properties: { cloudEvents_type: contracts.loose.name },
    });
    expect(got!.body).toEqual(rhea.message.data_section(Buffer.from('{"n":5}')));
    receiver.close();
  });

  it('says in a broadcast what every instance hears, also after its connection was lost', async () => {
    const road = await TcpProxy.to(url, 61_616);
    opened.push({ close: () => road.close() });
    const [one, other] = [
      await instance(() => done, { kind: 'broadcast' }),
      await instance(() => done, { kind: 'broadcast', at: road.along(url) }),
    ];
    const sender = await transport();
    const news = message(contracts.news, { n: 1 }, {});
    await sender.publish([news]);
    for (const { received } of [one, other])
      expect((await received.until(1))[0]).toMatchObject({ headers: news.envelope, attempt: 1 });
    road.cut();
    await eventuallyPasses(async () => {
      await sender.publish([message(contracts.news, { n: 2 }, {})]);
      expect(numbers(other.received.all)).toContain(2);
    });
  });

  it('only looks whether everything is there when the topology is to be verified', async () => {
    const verify = { more: { topology: 'verify' as const } };
    await expect(instance(() => done, verify)).rejects.toThrow(
      new RegExp(`${owner}.*only|${owner}.*needed`),
    );
    await expect(instance(() => done, { ...verify, kind: 'broadcast' })).rejects.toThrow(
      `does not have the address ${addressOf(contracts.news.name)}`,
    );
    await (await instance()).close();
    const { received } = await instance(() => done, verify);
    await (await transport(url, verify.more)).publish([loose(1), keyed('a', 1)]);
    expect(await received.until(1)).toHaveLength(1);
    await managing(url, (management) =>
      management.ask('destroyQueue', deadQueue(owner), true, true),
    );
    await expect(instance(() => done, verify)).rejects.toThrow(
      `does not have the queue ${deadQueue(owner)}`,
    );
  });

  it('says which settings the durability depends on', async () => {
    const { intake } = await instance();
    expect(intake.health().state).toBe('consuming');
    const findings = await (await transport()).checkDurability!();
    expect(findings.map(({ verdict }) => verdict)).toEqual(Array(5).fill('safe'));
  });

  describe('says in one sentence, without the password, and in less than 15 s', () => {
    const sentence = async (at: string): Promise<string> => {
      const error = await transport(at).catch((thrown: unknown) => thrown as Error);
      expect(error).toBeInstanceOf(Error);
      expect((error as Error).message).not.toMatch(/secret|\n/);
      return (error as Error).message;
    };
    /** A foreign listener with a fixed answer. */
    async function somebody(answer?: Buffer): Promise<string> {
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        if (answer) socket.end(answer);
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      opened.push({ close: async () => void server.close() });
      return `activemq://me:secret@127.0.0.1:${(server.address() as { port: number }).port}`;
    }

    it('that the password is wrong', async () => {
      const at = new URL(url);
      at.password = 'secret';
      expect(await sentence(at.href)).toMatch(/refuses the user "admin"/);
    });

    it('that the host is unknown, or nothing listens there', async () => {
      expect(await sentence('activemq://me:secret@nowhere.invalid')).toMatch(
        /activemq:\/\/nowhere.invalid cannot be reached/,
      );
      expect(await sentence('activemq://me:secret@127.0.0.1:9')).toMatch(/ECONNREFUSED/);
    });

    it('that another broker listens there', async () => {
      expect(
        await sentence(await somebody(Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]))),
      ).toMatch(/is something else/);
      expect(await sentence(await somebody(Buffer.from('-ERR unknown command\r\n')))).toMatch(
        /is something else/,
      );
    });

    it('that what listens there does not answer', async () => {
      expect(await sentence(await somebody())).toMatch(/cannot be reached \(no answer/);
    });

    it('that a queue has other settings', async () => {
      const other = JSON.stringify({
        name: laneOf(owner, 'a'),
        address: laneOf(owner, 'a'),
        'routing-type': 'ANYCAST',
        durable: true,
        'auto-create-address': true,
      });
      await managing(url, (management) => management.ask('createQueue', other, true));
      await expect(instance()).rejects.toThrow(
        `holds ${laneOf(owner, 'a')} with other settings (exclusive is false, not true)`,
      );
      await expect((await transport()).publish([loose(1)])).rejects.toThrow('with other settings');
    });
  });
});

/** Deliveries of a consumer, and a way to wait for them. */
class Received {
  readonly all: Delivery[] = [];
  private waiting: Array<() => void> = [];

  constructor(private readonly handle: Handle) {}

  readonly deliver = async (delivery: Delivery): Promise<Outcome> => {
    this.all.push(delivery);
    for (const wake of this.waiting.splice(0)) wake();
    return this.handle(delivery);
  };

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

const numberIn = (body: Buffer): number => (JSON.parse(body.toString()) as { n: number }).n;
const numbers = (deliveries: readonly Delivery[]): number[] =>
  deliveries.map(({ body }) => numberIn(body));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
