import { Client } from 'pg';
import { install } from './install';
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
        /^parley is being installed: a table is in use \(canceling statement due to lock timeout\); trying again in 1 s, attempt 1 of 40$/,
      );
      void holder.query('commit');
    });
    expect((await client.query('select service from parley.service')).rows).toEqual([
      { service: 'shop' },
    ]);
    await holder.end();
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
});
