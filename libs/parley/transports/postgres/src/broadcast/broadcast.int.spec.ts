import { randomBytes } from 'node:crypto';
import { broadcast } from '@parley/contract';
import { type Delivery, HandlerRegistry, systemClock } from '@parley/messaging/transport';
import { z } from 'zod';
import { NotificationListener } from '../connection/notification-listener';
import { PostgresBroadcastConsumer } from './broadcast-consumer';
import { BroadcastPublisher } from './broadcast-publisher';
import { callerOf, LogDatabase, message, Seen } from '../log/log.fixture';

jest.setTimeout(60_000);

const PriceChanged = broadcast('catalog.price-changed', z.object({ sku: z.string() }));
const Discontinued = broadcast('catalog.product-discontinued', z.object({ sku: z.string() }));
const context = { service: 'gateway', instance: 'spec', clock: systemClock, log: () => {} };

let database: LogDatabase;
const listeners: Listener[] = [];
let publisher: BroadcastPublisher;

beforeAll(async () => {
  database = await LogDatabase.create(['catalog', 'gateway', 'stranger']);
  publisher = new BroadcastPublisher(callerOf(database.pool('catalog')), context);
});
afterEach(() => Promise.all(listeners.splice(0).map((listener) => listener.close())));
afterAll(async () => {
  await publisher.close();
  await database.drop();
});

/** One instance of the gateway. */
class Listener {
  readonly seen = new Seen<Delivery>();
  readonly back = new Seen<string>();
  readonly listener: NotificationListener;
  readonly intake: PostgresBroadcastConsumer;

  constructor() {
    const log = (_: string, sent: string) => this.back.add(sent);
    const surroundings = { ...context, log };
    this.listener = new NotificationListener(database.config('gateway'), surroundings);
    const registry = new HandlerRegistry('gateway');
    registry.add((() => Promise.resolve()) as never, {
      contract: PriceChanged,
      options: {},
      handlerClass: Listener,
      method: 'prices',
    });
    const deliver = async (delivery: Delivery) => {
      this.seen.add(delivery);
      return { kind: 'done', settled: false } as const;
    };
    this.intake = new PostgresBroadcastConsumer({
      database: callerOf(database.pool('gateway')),
      listener: this.listener,
      context: surroundings,
      registry,
      deliver,
    });
    listeners.push(this);
  }

  start(): Promise<this> {
    return new Promise((resolve, reject) =>
      this.intake.listen((error) => (error ? reject(error as Error) : resolve(this))),
    );
  }

  async close(): Promise<void> {
    await this.intake.stop();
    await this.intake.close();
    await this.listener.close();
  }
}

const start = (count: number) =>
  Promise.all(Array.from({ length: count }, () => new Listener().start()));

describe('broadcasts', () => {
  it('reach every listener as they were said: long ones, NUL bytes, any text', async () => {
    const all = await start(3);
    const sent = [
      message(PriceChanged, undefined, { sku: 'тест-中文-🎁\u0001' }),
      message(PriceChanged, undefined, Buffer.from([0, 1, 255, 0, 10, 39, 92])),
      message(PriceChanged, undefined, randomBytes(100_000)),
      message(PriceChanged, undefined, randomBytes(5_400)),
      message(PriceChanged, undefined, randomBytes(5_800)),
      message(PriceChanged, undefined, randomBytes(8_000)),
    ];
    await publisher.publish(sent);
    for (const { seen } of all) {
      await seen.reach(sent.length);
      const bodies = new Map(seen.all.map(({ headers, body }) => [headers['id'], body]));
      for (const { envelope, body } of sent)
        expect(bodies.get(envelope.id)?.equals(body)).toBe(true);
      expect(seen.all[0]!.headers).toMatchObject({
        type: 'catalog.price-changed',
        source: '/catalog',
      });
    }
  });

  it('are not heard by who does not handle them', async () => {
    const [listener] = await start(1);
    await publisher.publish([
      message(Discontinued, undefined, { sku: 'a' }),
      message(PriceChanged, undefined, { sku: 'b' }),
    ]);
    await listener!.seen.reach(1);
    expect(listener!.seen.all.map(({ headers }) => headers['type'])).toEqual([
      'catalog.price-changed',
    ]);
  });

  it('said at the same time share statements and keep their order', async () => {
    const [listener] = await start(1);
    const sent = Array.from({ length: 500 }, (_, n) =>
      message(PriceChanged, undefined, { sku: `${n}` }),
    );
    await Promise.all(sent.map((one) => publisher.publish([one])));
    await listener!.seen.reach(500);
    expect(listener!.seen.all.map(({ headers }) => headers['id'])).toEqual(
      sent.map(({ envelope }) => envelope.id),
    );
  });

  it('are refused from a service that does not own them', async () => {
    const stranger = new BroadcastPublisher(callerOf(database.pool('stranger')), context);
    await expect(
      stranger.publish([message(PriceChanged, undefined, { sku: 'forged' })]),
    ).rejects.toThrow(/may not act for the service catalog/);
  });

  it('are heard again after the connection was cut, and the listener says that some may be missing', async () => {
    const [listener] = await start(1);
    await database.terminate('parley notifications');
    await listener!.back.until((sent) =>
      sent.some((text) => text.includes('may have been missed')),
    );
    expect(listener!.intake.interruptions).toBe(1);
    await publisher.publish([message(PriceChanged, undefined, { sku: 'after' })]);
    await listener!.seen.reach(1);
    expect(listener!.intake.health().state).toBe('consuming');
  });

  it('do not hurt when they are none: anybody may notify', async () => {
    const [listener] = await start(1);
    const notify = (payload: string) =>
      database.admin.query(`select pg_notify('parley_broadcast_catalog', $1)`, [payload]);
    const headless = ['null', '[]', '7', '{"type":1}', ''].map(
      (headers) =>
        `i${Buffer.concat([Buffer.from([0, 0, 0, headers.length]), Buffer.from(headers)]).toString('base64')}`,
    );
    for (const payload of ['', 'i', 'iAAAA', 'i/////w==', 'tgarbage', 't999999', 'x', ...headless])
      await notify(payload);
    await publisher.publish([message(PriceChanged, undefined, { sku: 'fine' })]);
    await listener!.seen.reach(1);
    expect(listener!.seen.all).toHaveLength(1);
  });

  it('that were too long are swept after a while', async () => {
    await publisher.publish([message(PriceChanged, undefined, randomBytes(50_000))]);
    await database.admin.query(`select parley.sweep_broadcasts('0 seconds')`);
    expect((await database.admin.query('select from parley.broadcast')).rowCount).toBe(0);
  });
});
