import { eventually } from '@parley/conformance';
import { GuestbookOnTrial } from './guestbook-process.fixture';

jest.setTimeout(60_000);

let guestbook: GuestbookOnTrial;

beforeAll(async () => {
  guestbook = await GuestbookOnTrial.start();
  await guestbook.admin.query(`
    create function guestbook.end_session() returns trigger language plpgsql as $$
      begin perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(1); return new; end $$;
    create trigger before_commit after insert on guestbook.guest
      for each row when (new.name = 'before') execute function guestbook.end_session();
    create constraint trigger under_commit after insert on guestbook.guest deferrable initially deferred
      for each row when (new.name = 'under') execute function guestbook.end_session()`);
});
afterEach(() => expect(guestbook.said('error', 'fatal')).toEqual([]));
afterAll(() => guestbook.stop());

const NOTHING_DONE = {
  status: 503,
  body: {
    title: 'A service is not available right now',
    detail: 'Nothing was done; try again in a moment.',
  },
};
const UNKNOWN = {
  status: 504,
  body: { title: 'The answer was lost', detail: expect.stringContaining('is unknown') },
};

describe.each(['', '/by-call'])('a session of PostgreSQL that ends (POST :name%s)', (way) => {
  it('before its commit is a 503: nothing was done', async () => {
    expect(await guestbook.post(`before${way}`)).toMatchObject(NOTHING_DONE);
    expect(await guestbook.writtenBy('before')).toEqual([]);
  });

  it('is told as a warning, with its reason', () =>
    expect(guestbook.said('warn')).toContainEqual(
      expect.stringMatching(
        /^(POST \/guests\/:name|guestbook.sign-for) could not be answered: the database is .*\(57P01\)$/,
      ),
    ));

  it('under its commit is a 504: nobody can tell', async () => {
    expect(await guestbook.post(`under${way}`)).toMatchObject(UNKNOWN);
  });
});

describe('a pool whose connections are all in use', () => {
  /** More than the connections of a service's pool. */
  const GUESTS = 30;
  /** Milliseconds: 10 s for a free connection, and some for a busy machine. */
  const ANSWERED_WITHIN_MS = 20_000;

  let unlock = async (): Promise<unknown> => undefined;
  afterEach(() => unlock());

  it('is a 503 in 10 s for those that get no connection, while the others are well', async () => {
    const { admin } = guestbook;
    await admin.query('begin');
    await admin.query('lock table guestbook.guest in access exclusive mode');
    unlock = () => admin.query('commit');
    const since = performance.now();
    let refused = 0;
    const posted = Array.from({ length: GUESTS }, async (_, n) => {
      const answer = await guestbook.post(`many${n}/directly`);
      if (answer.status !== 201) {
        refused++;
        expect(answer).toMatchObject(NOTHING_DONE);
      }
      return answer.status;
    });
    // The table is locked: only requests without a connection have been answered.
    await eventually(() => refused > 0, 'a refusal', ANSWERED_WITHIN_MS);
    expect(performance.now() - since).toBeGreaterThan(5_000);
    await unlock();
    const statuses = await Promise.all(posted);
    expect(statuses.filter((status) => status === 201).length).toBe(GUESTS - refused);
    expect(guestbook.said('warn').join('\n')).toContain('timeout exceeded when trying to connect');
  });
});

const WAYS = ['', '/by-call', '/directly', '/directly-by-call'];

describe.each([
  ['read-only', 'set default_transaction_read_only = on', 'reset default_transaction_read_only'],
  ['without room for connections', 'with connection limit 0', 'with connection limit -1'],
])('a database that is %s', (_, change, undo) => {
  it('is a 503 for who writes, whatever way that goes, until it is over', async () => {
    const { admin, name } = guestbook;
    await admin.query(`alter database ${name} ${change}`);
    await guestbook.endSessions();
    await eventually(async () => (await guestbook.post('late')).status !== 201, 'a refusal');
    for (const way of WAYS)
      expect([way, await guestbook.post(`late${way}`)]).toMatchObject([way, NOTHING_DONE]);
    await admin.query(`alter database ${name} ${undo}`);
    await guestbook.endSessions();
    for (const way of WAYS)
      await eventually(
        async () => (await guestbook.post(`back${way}`)).status === 201,
        `writing to work (${way})`,
      );
    await eventually(
      async () => (await guestbook.writtenBy('back')).includes('event'),
      'what it said to be handled',
    );
  });
});
