import { randomUUID } from 'node:crypto';
import { eventually } from '@parley/conformance';
import { prepareSession, withPatience } from '@parley/postgres';
import { Client } from 'pg';
import { DataSource, type MigrationInterface, type QueryRunner } from 'typeorm';
import { Database, DatabaseError } from './database';
import { migrate, withMigrationLock } from './migrations';

jest.setTimeout(60_000);

const SUPERUSER = process.env['PARLEY_TEST_POSTGRES']!;
/** The advisory lock that the migration `Paused` asks for: who has it decides when that ends. */
const GATE = 710_027;

class CreateNote1790000000000 implements MigrationInterface {
  name = 'CreateNote1790000000000';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('create table note (text text)');
  }
  down = () => Promise.resolve();
}

class AddAuthor1790000000001 implements MigrationInterface {
  name = 'AddAuthor1790000000001';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table note add author text');
  }
  down = () => Promise.resolve();
}

class Paused1790000000002 implements MigrationInterface {
  name = 'Paused1790000000002';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('create table paused (at timestamptz)');
    await runner.query(`set local lock_timeout = 0`);
    await runner.query(`select pg_advisory_xact_lock(${GATE})`);
  }
  down = () => Promise.resolve();
}

/** Fails as long as the table is there: outside of a transaction, half of it is done then. */
class Halves1790000000003 implements MigrationInterface {
  name = 'Halves1790000000003';
  transaction = false;
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`insert into note (text) values ('half')`);
    await runner.query(`set lock_timeout = 100`);
    await runner.query('alter table note add other text');
  }
  down = () => Promise.resolve();
}

let schema: string;
let client: Client;
let other: Client;
const started: { database: Database; ended: Promise<unknown> }[] = [];

async function connected(): Promise<Client> {
  const one = new Client({ connectionString: SUPERUSER });
  await one.connect();
  await one.query(`set search_path = ${schema}`);
  return one;
}

beforeEach(async () => {
  schema = `notes_${randomUUID().slice(0, 8)}`;
  client = await connected();
  other = await connected();
});

afterEach(async () => {
  await other.end();
  await Promise.allSettled(started.map(({ ended }) => ended));
  for (const { database } of started.splice(0)) await database.close();
  await client.query(`drop schema if exists ${schema} cascade`);
  await client.end();
});

/** An instance that starts; `open` settles when its schema is migrated. */
function instance(name: string, ...migrations: (new () => MigrationInterface)[]) {
  const said: string[] = [];
  const database = new Database({
    url: SUPERUSER,
    schema,
    instance: name,
    entities: [],
    migrations,
    concurrency: 1,
    log: (_level, message) => void said.push(message),
    prepareSession,
    withPatience,
  });
  const open = database.open();
  const ended = open.catch(() => undefined);
  started.push({ database, ended });
  const says = (pattern: RegExp) =>
    eventually(() => said.find((sentence) => pattern.test(sentence)), String(pattern), 10_000);
  return { open, says, said, database };
}

const columns = async (): Promise<string[]> =>
  (
    await client.query(
      `select column_name from information_schema.columns where table_schema = $1 and table_name = 'note'`,
      [schema],
    )
  ).rows.map(({ column_name }: { column_name: string }) => column_name);

/** The session that runs `Paused`, once it waits at the gate. */
const pausedSession = (name: string): Promise<number> =>
  eventually(async () => {
    const { rows } = await client.query(
      `select pid from pg_stat_activity where application_name = $1 and wait_event = 'advisory'`,
      [name],
    );
    return (rows as { pid: number }[])[0]?.pid;
  }, 'the migration to be under way');

describe('a migration of a table that a transaction keeps in use', () => {
  beforeEach(async () => {
    await instance('first', CreateNote1790000000000).open;
    await other.query('begin; select from note');
  });

  it('lets others use it, says so, and is done when that transaction has ended', async () => {
    const { open, says } = instance('second', CreateNote1790000000000, AddAuthor1790000000001);
    await says(/^AddAuthor1790000000001 waits: a table is in use .*attempt 1 of 40$/);
    await client.query(`set statement_timeout = '5s'`); // an attempt lasts 2 s
    for (let time = 0; time < 3; time++) await client.query('insert into note values ($1)', [time]);
    await other.query('commit');
    await open;
    expect(await columns()).toEqual(['text', 'author']);
    await says(new RegExp(`^migrated schema ${schema}: AddAuthor1790000000001$`));
  });

  it('gives up in the end, and says whom to end', async () => {
    await withRunner([CreateNote1790000000000, AddAuthor1790000000001], async (source, runner) => {
      await expect(
        migrate(source, runner, { log: () => undefined, withPatience, attempts: 1 }),
      ).rejects.toThrow(
        /^AddAuthor1790000000001 found a table in use, 1 times \(.*lock timeout.*\); end the transaction that uses it, .*xact_start.*, and start again$/,
      );
    });
    expect(await columns()).toEqual(['text']);
  });

  it('is not repeated when it runs outside of a transaction', async () => {
    const { open } = instance('second', CreateNote1790000000000, Halves1790000000003);
    await expect(open).rejects.toThrow(/lock timeout/);
    expect((await client.query('select text from note')).rows).toEqual([{ text: 'half' }]);
  });
});

describe('a start while another instance migrates', () => {
  beforeEach(() => other.query(`select pg_advisory_lock(${GATE})`));

  it('says by whom, and goes on when that is done', async () => {
    const first = instance('slow-one', Paused1790000000002);
    const pid = await pausedSession('slow-one');
    const second = instance('waiting-one', Paused1790000000002);
    await second.says(
      new RegExp(
        `^waiting for another instance that migrates schema ${schema}: slow-one \\(pid ${pid}, active\\)$`,
      ),
    );
    await other.query(`select pg_advisory_unlock(${GATE})`);
    await Promise.all([first.open, second.open]);
    expect(second.said).toHaveLength(1);
  });

  it('migrates itself when the session of the other one dies', async () => {
    const first = instance('dying-one', Paused1790000000002);
    await pausedSession('dying-one');
    const second = instance('surviving-one', Paused1790000000002);
    const told = await second.says(/^waiting for another instance that migrates/);
    await client.query('select pg_terminate_backend($1)', [/pid (\d+)/.exec(told)![1]]);
    await expect(first.open).rejects.toThrow(DatabaseError);
    await pausedSession('surviving-one');
    await other.query(`select pg_advisory_unlock(${GATE})`);
    await second.open;
    await second.says(new RegExp(`^migrated schema ${schema}: Paused1790000000002$`));
  });

  it('ends after its patience, and says what to do', async () => {
    instance('frozen-one', Paused1790000000002);
    const pid = await pausedSession('frozen-one');
    await withRunner([], async (_source, runner) => {
      const waiting = withMigrationLock(runner, schema, () => Promise.resolve(), {
        log: () => undefined,
        patience: 300,
      });
      await expect(waiting).rejects.toThrow(
        `frozen-one (pid ${pid}, active) has been migrating it for more than 0.3 s; let it finish, or, when that process is frozen, end its session with select pg_terminate_backend(${pid}), and start again`,
      );
    });
  });

  it('ends when the process is told to end', async () => {
    instance('slow-one', Paused1790000000002);
    await pausedSession('slow-one');
    const second = instance('ending-one', Paused1790000000002);
    await second.says(/^waiting for another instance/);
    await second.database.close();
    await expect(second.open).rejects.toThrow(/the process ends/);
  });
});

async function withRunner(
  migrations: (new () => MigrationInterface)[],
  work: (source: DataSource, runner: QueryRunner) => Promise<void>,
): Promise<void> {
  const source = await new DataSource({
    type: 'postgres',
    url: SUPERUSER,
    schema,
    migrations,
    extra: { options: `-c search_path=${schema}` },
  }).initialize();
  const runner = source.createQueryRunner();
  await work(source, runner).finally(async () => {
    await runner.release();
    await source.destroy();
  });
}
