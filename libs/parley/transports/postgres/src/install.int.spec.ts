import { Client } from 'pg';
import { install } from './install';
import { installationSql } from './installation-sql';
import { TrialDatabase } from './trial-database.fixture';

jest.setTimeout(60_000);

describe('installing while others use the schema', () => {
  let database: TrialDatabase;
  let client: Client;
  const connected = async (): Promise<Client> => {
    const own = new Client({
      connectionString: Object.assign(new URL(process.env['PARLEY_TEST_POSTGRES']!), {
        pathname: `/${database.name}`,
      }).href,
    });
    await own.connect();
    return own;
  };
  const services = () => [{ role: database.roleOf('shop'), service: 'shop' }];

  beforeAll(async () => {
    database = await TrialDatabase.create(['shop']);
    client = await connected();
  });

  afterAll(async () => {
    await client.end();
    await database.drop();
  });

  it('takes no table from anybody when nothing changes', async () => {
    const reader = await connected();
    await reader.query(
      'begin; select * from parley.script; select * from parley.service; select * from parley.queue',
    );
    const lines: string[] = [];
    await install(client, services(), (sentence) => lines.push(sentence));
    expect(lines).toEqual([]);
    await reader.query('commit');
    await reader.end();
  });

  it('gives up waiting for a table in use, says so, and tries again', async () => {
    const holder = await connected();
    await holder.query('begin; lock table parley.service in access exclusive mode');
    await install(client, services(), (sentence) => {
      expect(sentence).toMatch(
        /^parley is being installed: a table is in use, or another installation runs \(canceling statement due to lock timeout\); trying again in 1 s, attempt 1 of 40$/,
      );
      void holder.query('commit');
    });
    expect((await client.query('select service from parley.service')).rows).toEqual([
      { service: 'shop' },
    ]);
    await holder.end();
  });

  it('waits for another installation, says so, and goes on when that is over', async () => {
    const other = await connected();
    await other.query(`select pg_advisory_lock(hashtext('parley.schema'))`);
    const sentences: string[] = [];
    await install(client, services(), (sentence) => {
      sentences.push(sentence);
      void other.query('select pg_advisory_unlock_all()');
    });
    expect(sentences).toEqual([
      expect.stringMatching(/another installation runs .*attempt 1 of 40$/),
    ]);
    await other.end();
  });

  it('works whatever the session settings of the database are', async () => {
    const other = await connected();
    await other.query('drop schema parley cascade');
    await other.query(`set datestyle = 'German'; set lock_timeout = 1; set statement_timeout = 50`);
    await install(other, services());
    expect((await other.query('select count(*)::int n from parley.script')).rows[0]).toEqual({
      n: expect.any(Number),
    });
    await other.end();
  });

  it('is SQL that a migration runs in its own transaction, once or more often', async () => {
    const migration = await connected();
    await migration.query('drop schema parley cascade');
    for (let time = 1; time <= 2; time++) {
      await migration.query('begin; create table if not exists public.of_the_application (id int)');
      await migration.query(installationSql(services()));
      await migration.query('commit');
    }
    await migration.query('drop table public.of_the_application');
    await migration.query(`set role ${migration.escapeIdentifier(database.roleOf('shop'))}`);
    expect((await migration.query(`select parley.open_queue('shop') is not null ok`)).rows).toEqual(
      [{ ok: true }],
    );
    await migration.end();
  });

  it('renews the functions of a script that has changed, and keeps its rows', async () => {
    await client.query(`
      insert into parley.queue (name) values ('shop.kept');
      update parley.script set checksum = 'of an earlier version' where name = '01-installation.sql';
      drop function parley.installation_id;
      create function parley.installation_id(added int) returns int language sql as 'select added'`);
    await install(client, services());
    const { rows } = await client.query(`
      select array(select proname || '(' || pg_get_function_identity_arguments(oid) || ')' from pg_proc where proname = 'installation_id') as functions,
        exists (select from parley.queue where name = 'shop.kept') as kept,
        has_function_privilege('public', 'parley.installation_id()', 'execute') as public`);
    expect(rows).toEqual([{ functions: ['installation_id()'], kept: true, public: false }]);
  });
});
