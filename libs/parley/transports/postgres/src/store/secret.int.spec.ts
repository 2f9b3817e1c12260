import { Controller, type INestApplication, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { command, event, milliseconds, type Message } from '@parley/contract';
import { memory, MemoryBroker } from '@parley/memory';
import { Handles, Messaging, MessagingModule, Subscription } from '@parley/messaging';
import { systemClock } from '@parley/messaging/transport';
import { eventually } from '@parley/conformance';
import { z } from 'zod';
import { postgres } from '../postgres';
import { PostgresStore } from './store';
import { TrialDatabase } from '../trial-database.fixture';

const Ride = z.object({ rideId: z.string(), cents: z.int(), token: z.string() });
const secret = { fields: { token: 'expired' }, life: '1h' as const };
const Booked = event('rawride.ride-booked', Ride, { key: 'rideId', secret });
const Charge = command('rawbank.charge-ride', Ride, { key: 'rideId', secret });
const Later = command('rawbank.charge-later', Ride, { secret });
type Ride = Message<typeof Booked>;

const TOKEN = 'tok_4242_of_nobody';
const LIFE = milliseconds('1h');
const MEMORY = 'memory://raw-ride';

let database: TrialDatabase;
let ending: (() => Promise<unknown>)[];
beforeAll(async () => void (database = await TrialDatabase.create(['rawride', 'rawbank'])));
afterAll(() => database.drop());
beforeEach(() => void (ending = []));
afterEach(async () => {
  for (const end of ending.reverse()) await end();
  MemoryBroker.forget(MEMORY);
});

const seen: string[] = [];
@Controller()
@Subscription('book')
class Bank {
  @Handles(Booked)
  async booked({ token }: Ride) {
    seen.push(`booked ${token}`);
  }

  @Handles(Charge, { retry: { immediate: 0, delays: [] } })
  async charge({ cents, token }: Ride) {
    if (cents < 0) throw new Error(`${token} cannot be charged ${cents}`);
    seen.push(`charged ${token}`);
  }
}

async function start(service: string, controllers: Type[], later?: string) {
  const url = database.url(service);
  const dataSource = database.dataSource(service);
  const store = new PostgresStore(dataSource, { service });
  const urls = { commands: url, events: url, ...(later && { contracts: { [Later.name]: later } }) };
  const options = {
    service,
    instance: `${service}-1`,
    build: 'test',
    urls,
    technologies: [postgres, memory],
    store,
    clock: systemClock,
    log: () => undefined,
  };
  const app: INestApplication = await NestFactory.create(
    { module: class Raw {}, imports: [MessagingModule.forRoot(options)], controllers },
    new FastifyAdapter(),
    { logger: false, abortOnError: false },
  );
  const messaging = app.get(Messaging);
  messaging.attach(app);
  await messaging.start();
  await app.init();
  await messaging.listen(app);
  ending.push(
    async () => (
      await messaging.stopConsuming(),
      await messaging.drained(1_000),
      await messaging.flush(0),
      await app.close(),
      await messaging.close(),
      await dataSource.destroy()
    ),
  );
  return { messaging, store };
}

/** Tables of the schema in which a text, or bytes, are to be found. */
async function tablesWith(...needles: (string | Buffer)[]): Promise<string[]> {
  const { rows } = await database.admin.query<{ name: string }>(
    `select format('parley.%I', relname) name from pg_class where relnamespace = 'parley'::regnamespace and relkind in ('r', 'p')`,
  );
  const spelt = needles.flatMap((needle) =>
    typeof needle === 'string'
      ? [needle, Buffer.from(needle).toString('hex')]
      : [needle.toString('hex')],
  );
  const found = await Promise.all(
    rows.map(
      async ({ name }) =>
        [
          name,
          (
            await database.admin.query<{ all: string | null }>(
              `select string_agg(t::text, ' ') "all" from ${name} t`,
            )
          ).rows[0]!.all ?? '',
        ] as const,
    ),
  );
  return found.filter(([, text]) => spelt.some((one) => text.includes(one))).map(([name]) => name);
}

describe('a secret', () => {
  it('lies nowhere in plain text, and nobody can read it once its time is over', async () => {
    const { messaging, store } = await start('rawbank', [Bank]);
    const ride = await start('rawride', [], MEMORY);
    const RIDE: Ride = { rideId: 'r-1', cents: 500, token: TOKEN };
    await ride.messaging.transactions.run(async () => {
      await ride.messaging.messenger.publish(Booked, RIDE);
      await ride.messaging.messenger.send(Charge, RIDE, { idempotencyKey: 'a-ride' });
      await ride.messaging.messenger.send(Charge, { ...RIDE, rideId: 'r-2', cents: -1 });
      await ride.messaging.messenger.send(Later, RIDE, { delay: '1h' }); // waits in the outbox
      await ride.messaging.messenger.send(Charge, RIDE, { delay: '2h' }); // waits in the queue
    });
    const letter = await eventually(
      async () => (await store.lanes.deadLetters.list())[0] ?? false,
      'a dead letter',
    );
    await eventually(async () => seen.length === 2, 'both to be handled');
    expect(seen.sort()).toEqual([`booked ${TOKEN}`, `charged ${TOKEN}`]);
    expect(letter.failure.message).toBe('… cannot be charged -1');
    expect(await tablesWith('r-1')).toEqual(
      expect.arrayContaining(['parley.event', 'parley.later', 'parley.outbox']),
    );
    expect(await tablesWith('r-2')).toEqual(expect.arrayContaining(['parley.dead']));
    expect(await tablesWith(TOKEN, 'tok_4242')).toEqual([]);

    const key = await messaging.subjectKeys!.keys.current(LIFE);
    expect(await tablesWith(key.secret!)).toEqual(['parley.secret_key']);
    await database.admin.query(
      `update parley.secret_key set since = since - interval '2 hours', ends = ends - interval '2 hours'`,
    );
    expect((await messaging.subjectKeys!.keys.byId([key.id])).get(key.id)).toEqual({ id: key.id }); // before it was destroyed
    await database.admin.query('select parley.destroy_secret_keys()');
    expect(await tablesWith(key.secret!)).toEqual([]);
    expect((await messaging.subjectKeys!.keys.byId([key.id])).get(key.id)).toEqual({ id: key.id });
  });

  it('has one key at a time, whoever asks, and another one after its life', async () => {
    const keys = [
      (await start('rawride', [])).store.subjectKeys,
      (await start('rawbank', [])).store.subjectKeys,
    ];
    await database.admin.query('delete from parley.secret_key');
    const asked = await Promise.all(
      Array.from({ length: 20 }, (_, n) => keys[n % 2]!.current(LIFE)),
    );
    expect(
      new Set(asked.map(({ id, secret: bytes }) => `${id} ${bytes!.toString('hex')}`)).size,
    ).toBe(1);
    expect((await keys[0]!.current(2 * LIFE)).id).not.toBe(asked[0]!.id);
    await database.admin.query(
      `update parley.secret_key set since = since - interval '61 minutes', ends = ends - interval '61 minutes'`,
    );
    const next = await keys[1]!.current(LIFE);
    expect(next.id).not.toBe(asked[0]!.id);
    expect((await keys[0]!.byId([asked[0]!.id, next.id])).size).toBe(2);
    expect((await keys[0]!.byId([asked[0]!.id])).get(asked[0]!.id)).toEqual(asked[0]);
  });
});
