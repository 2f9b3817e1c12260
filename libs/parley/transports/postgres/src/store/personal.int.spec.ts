import { randomInt } from 'node:crypto';
import { Controller, type INestApplication, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { command, event, type Message } from '@parley/contract';
import { memory, MemoryBroker } from '@parley/memory';
import {
  DeadLetterService,
  Handles,
  Messaging,
  MessagingModule,
  Subscription,
} from '@parley/messaging';
import { KEY_LIFETIME_MS, MAX_INDEXED_CHARACTERS } from '@parley/messaging/transport';
import { eventually } from '@parley/conformance';
import type { DataSource } from 'typeorm';
import { z } from 'zod';
import { postgres } from '../postgres';
import { PostgresStore } from './store';
import { TrialDatabase } from '../trial-database.fixture';

const Pupil = z.object({ pupilId: z.string(), name: z.string(), grade: z.int() });
const personal = { subject: 'pupilId' as const, fields: { name: 'erased' } };
const Enrolled = event('rawschool.pupil-enrolled', Pupil, { key: 'pupilId', personal });
const Welcome = command('rawoffice.welcome-pupil', Pupil, { key: 'pupilId', personal });
const Remind = command('rawoffice.remind-pupil', Pupil, { personal });
type Pupil = Message<typeof Enrolled>;

const ADA: Pupil = { pupilId: 'p-ada', name: 'Ada Lovelace', grade: 3 };
const GONE: Pupil = { ...ADA, name: 'erased' };
const MEMORY = 'memory://raw-school';

let database: TrialDatabase;
let ending: (() => Promise<unknown>)[];
let later: number;
const clock = {
  now: () => Date.now() + later,
  elapsed: () => performance.now() + later,
  after: (milliseconds: number, call: () => void) => {
    const timer = setTimeout(call, milliseconds);
    return () => clearTimeout(timer);
  },
};

beforeAll(
  async () =>
    void (database = await TrialDatabase.create(['rawschool', 'rawoffice', 'rawarchive'])),
);
afterAll(() => database.drop());
beforeEach(() => void ([ending, later] = [[], 0]));
afterEach(async () => {
  for (const end of ending.reverse()) await end();
  MemoryBroker.forget(MEMORY);
});

/** A consumer of both; it refuses to welcome a negative grade. */
function listener() {
  const seen: Pupil[] = [];
  @Controller()
  @Subscription('list')
  class Office {
    @Handles(Welcome, { retry: { immediate: 0, delays: [] } })
    async welcome(pupil: Pupil) {
      if (pupil.grade < 0) throw new Error(`${pupil.name} has no grade`);
      seen.push(pupil);
    }
  }
  return { seen, controller: Office as Type };
}

function reader() {
  const seen: Pupil[] = [];
  @Controller()
  @Subscription('list')
  class List {
    @Handles(Enrolled)
    async enrolled(pupil: Pupil) {
      seen.push(pupil);
    }
  }
  return { seen, controller: List as Type };
}

async function start(
  service: string,
  controllers: Type[],
  reminders?: string,
): Promise<{ messaging: Messaging; store: PostgresStore }> {
  const url = database.url(service);
  const dataSource: DataSource = database.dataSource(service);
  const store = new PostgresStore(dataSource, { service, clock });
  const urls = {
    commands: url,
    events: url,
    ...(reminders && { contracts: { [Remind.name]: reminders } }),
  };
  const options = {
    service,
    instance: `${service}-1`,
    build: 'test',
    urls,
    technologies: [postgres, memory],
    store,
    clock,
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

/** All that lies in the schema, by table: bytes as hexadecimal digits, as PostgreSQL shows them. */
async function everything(): Promise<ReadonlyMap<string, string>> {
  const { rows } = await database.admin.query<{ name: string }>(
    `select format('parley.%I', relname) name from pg_class where relnamespace = 'parley'::regnamespace and relkind in ('r', 'p')`,
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
  return new Map(found);
}

const hex = (text: string | Buffer): string => Buffer.from(text as string).toString('hex');

/** Tables in which a text, or bytes, are to be found. */
async function tablesWith(...needles: (string | Buffer)[]): Promise<string[]> {
  const spelt = needles.flatMap((needle) =>
    typeof needle === 'string' ? [needle, hex(needle)] : [hex(needle)],
  );
  return [...(await everything())]
    .filter(([, text]) => spelt.some((one) => text.includes(one)))
    .map(([name]) => name);
}

const secretOf = async (subject: string): Promise<Buffer | null> =>
  (
    await database.admin.query<{ secret: Buffer | null }>(
      'select secret from parley.subject_key where subject = $1',
      [subject],
    )
  ).rows[0]!.secret;

describe('what was said of a person', () => {
  it('lies nowhere in plain text, and can be read by nobody once the key is gone', async () => {
    const [office, list] = [listener(), reader()];
    const school = await start('rawschool', [], MEMORY);
    const { messaging, store } = await start('rawoffice', [office.controller, list.controller]);
    await school.messaging.transactions.run(async () => {
      await school.messaging.messenger.publish(Enrolled, ADA);
      await school.messaging.messenger.send(Welcome, ADA);
      await school.messaging.messenger.send(Welcome, { ...ADA, grade: -1 });
      await school.messaging.messenger.send(Remind, ADA, { delay: '1h' }); // waits in the outbox
      await school.messaging.messenger.send(Welcome, ADA, { delay: '2h' }); // waits in the queue
    });
    const letter = await eventually(
      async () => (await store.lanes.deadLetters.list())[0] ?? false,
      'a dead letter',
    );
    await eventually(
      async () => list.seen.length > 0 && office.seen.length > 0,
      'both to be handled',
    );
    const desk = new DeadLetterService(
      store.lanes.deadLetters,
      messaging.registry,
      clock,
      messaging.payloads,
      'rawoffice',
    );
    expect(String((await desk.find(letter.id))!.letter.body)).not.toContain('Ada');
    await desk.edit(letter.id, Buffer.from(JSON.stringify({ ...ADA, name: 'Ada Lovelace-King' })), {
      who: 'ann',
    });
    expect([list.seen, office.seen]).toEqual([[ADA], [ADA]]);

    const parts = ['parley.event', 'parley.later', 'parley.outbox', 'parley.dead', 'parley.audit'];
    const filled = [...(await everything())]
      .filter(([, text]) => text !== '')
      .map(([name]) => name);
    expect(filled).toEqual(expect.arrayContaining(parts)); // or nothing was looked for
    expect(await tablesWith(ADA.pupilId)).toEqual(expect.arrayContaining(parts));
    expect(await tablesWith('Lovelace')).toEqual([]);

    const secret = (await secretOf(ADA.pupilId))!;
    expect(await tablesWith(secret)).toEqual(['parley.subject_key']);
    expect(
      await school.messaging.subjectKeys!.keys.erase(ADA.pupilId, {
        who: 'ann',
        reason: 'she asked',
      }),
    ).toBe('erased');
    expect(await tablesWith(secret)).toEqual([]);
    // A transaction that began before the erasure keeps the row until it ends.
    const file = await eventually(async () => {
      await database.admin.query('vacuum full parley.subject_key');
      await database.admin.query('checkpoint');
      const { rows } = await database.admin.query<{ file: Buffer }>(
        `select pg_read_binary_file(pg_relation_filepath('parley.subject_key')) file`,
      );
      return !rows[0]!.file.includes(secret) && rows[0]!.file;
    }, 'the key to leave the file of its table');
    expect(file.includes(ADA.pupilId)).toBe(true);

    later = KEY_LIFETIME_MS; // every process is through with it by now
    const rebuilt = reader();
    await start('rawarchive', [rebuilt.controller]);
    await store.lanes.deadLetters.edit(
      letter.id,
      Buffer.from(JSON.stringify({ ...(JSON.parse(String(letter.body)) as object), grade: 7 })),
      { who: 'ann', replay: true },
    );
    await eventually(
      async () => rebuilt.seen.length > 0 && office.seen.length > 1,
      'the rebuilt list and the replay',
    );
    expect(rebuilt.seen).toEqual([GONE]);
    expect(office.seen[1]).toEqual({ ...GONE, grade: 7 });
    expect(await desk.find(letter.id)).toBeUndefined();
  });

  it('has one key, whoever says the first thing at the same moment; erased, never another', async () => {
    const stores = await Promise.all(
      ['rawschool', 'rawoffice', 'rawarchive'].map((service) => start(service, [])),
    );
    const keys = stores.map(({ store }) => store.subjectKeys);
    const subjects = Array.from({ length: 20 }, (_, n) => `p-race-${n}`);
    const found = await Promise.all(
      keys.map((one, place) => one.of(place === 1 ? [...subjects].reverse() : subjects)),
    );
    const ids = (of: (typeof found)[number]) =>
      subjects.map(
        (subject) => `${of.get(subject)!.id} ${of.get(subject)!.secret!.toString('hex')}`,
      );
    expect(ids(found[1]!)).toEqual(ids(found[0]!));
    expect(ids(found[2]!)).toEqual(ids(found[0]!));
    expect(new Set(ids(found[0]!)).size).toBe(20);
    const { id } = found[0]!.get('p-race-0')!;
    expect(await Promise.all(keys.map((one) => one.erase('p-race-0', { who: 'ann' })))).toEqual(
      expect.arrayContaining(['erased', 'erased before', 'erased before']),
    );
    expect((await keys[0]!.of(['p-race-0'])).get('p-race-0')).toEqual({ id });
    expect((await keys[0]!.byId([id])).get(id)).toEqual({ id });
    expect(await keys[0]!.find('p-race-0')).toMatchObject({
      since: expect.any(Date) as Date,
      erased: { who: 'ann', at: expect.any(Date) as Date },
    });
    expect(await keys[0]!.erase('p-nobody', { who: 'ann' })).toBe('unknown');
    expect(await keys[0]!.find('p-nobody')).toBeUndefined();
  });

  it('is not to be read by a role that is no service here', async () => {
    await database.admin.query(`create role ${database.name}_stranger login password 'trial'`);
    const url = database.url('stranger');
    await database.admin.query(`grant usage on schema parley to ${database.name}_stranger`);
    const context = { service: 'stranger', instance: 's-1', clock, log: () => undefined };
    const keys = postgres.openKeys!(url, context);
    await expect(keys.of(['p-ada'])).rejects.toThrow(/permission denied/);
    await keys.close();
    await database.admin.query(
      `revoke all on schema parley from ${database.name}_stranger; drop role ${database.name}_stranger`,
    );
  });
});

describe('a person with the longest name that is taken', () => {
  it('has a key, in a text that does not compress', async () => {
    const school = await start('rawschool', [], MEMORY);
    const pupilId = Array.from({ length: MAX_INDEXED_CHARACTERS }, () =>
      String.fromCodePoint(0x4e00 + randomInt(20_000)),
    ).join('');
    await school.messaging.transactions.run(() =>
      school.messaging.messenger.publish(Enrolled, { ...ADA, pupilId }),
    );
    expect(await secretOf(pupilId)).not.toBeNull();
  });
});
