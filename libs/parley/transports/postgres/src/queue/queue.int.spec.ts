import { randomUUID } from 'node:crypto';
import type { Failure, Outcome, OutgoingMessage } from '@parley/messaging/transport';
import { Database } from '../connection/database';
import { LaneLeases } from './lane-leases';
import { SEND, sendValues } from './queue-sender';
import { TrialDatabase } from '../trial-database.fixture';
import { effects, reserve, until, Worker, type Handling } from './worker.fixture';

jest.setTimeout(60_000);

let database: TrialDatabase;
const workers: Worker[] = [];

const failure: Failure = {
  error: 'Error',
  message: 'no luck',
  stack: '',
  tries: 4,
  instance: 'trial',
  firstFailedAt: '2026-01-01T00:00:00.000Z',
  lastFailedAt: '2026-01-01T00:00:00.000Z',
};

const run = (
  name: string,
  handle: (handling: Handling) => Promise<Outcome>,
  options?: ConstructorParameters<typeof Worker>[3],
): Promise<Worker> => {
  const worker = new Worker(database, name, handle, options);
  workers.push(worker);
  return worker.start();
};
const send = (...messages: OutgoingMessage[]) =>
  database.admin.query(SEND.text, sendValues(messages));
const settle = ({ settle: commit }: Handling) => commit();
const retry = (after: number): Outcome => ({ kind: 'retry', after, failure });
const left = async (table: string) =>
  Number(
    (await database.admin.query<{ n: string }>(`select count(*) n from parley.${table}`)).rows[0]!
      .n,
  );
const numbersOf = async (key: string) =>
  (await effects(database)).filter(({ lane }) => lane === key).map(({ n }) => n);
/** Long enough for a thousand messages on processors that others use, too. */
const BUSY_MACHINE_MS = 60_000;
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

beforeAll(async () => {
  database = await TrialDatabase.create(['inventory', 'orders']);
});
beforeEach(() => database.empty());
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.close()));
});
afterAll(() => database.drop());

it(
  'handles 1000 messages once each, keyed or not',
  async () => {
    const keys = upTo(1000).map((n) => (n % 2 === 0 ? undefined : `k${n % 50}`));
    for (let n = 0; n < 1000; n += 100)
      await send(...upTo(100).map((i) => reserve(keys[n + i], n + i)));
    await Promise.all(['a', 'b', 'c'].map((name) => run(name, settle)));
    await until(async () => (await left('message')) === 0, BUSY_MACHINE_MS);
    const handled = (await effects(database)).map(({ n }) => n);
    expect([...handled].sort((a, b) => a - b)).toEqual(upTo(1000));
    expect(await left('inbox')).toBe(1000);
    await until(async () => (await left('lane')) === 0);
  },
  2 * BUSY_MACHINE_MS,
);

it.each([8_192, 8_193, 500_000])(
  'brings a body of %d bytes whole, at the first try and at the next',
  async (size) => {
    const message = reserve('k', 0);
    const body = Buffer.alloc(size, 'x');
    body.write(message.body.toString().slice(0, -1) + ',"pad":"');
    body.write('"}', size - 2);
    const tries: boolean[] = [];
    await run('a', ({ delivery, settle: commit }) =>
      tries.push(delivery.body.equals(body)) > 1 ? commit() : Promise.resolve(retry(5)),
    );
    await send({ ...message, body });
    await until(async () => (await effects(database)).length === 1);
    expect(tries).toEqual([true, true]);
  },
);

it('acknowledges what was handled before it closes, however slowly', async () => {
  const { call } = Database.prototype;
  const slow = jest.spyOn(Database.prototype, 'call').mockImplementation(async function (
    this: Database,
    statement,
    values,
  ) {
    if (statement.name === 'parley_discard')
      await new Promise((resolve) => setTimeout(resolve, 100));
    return call.call(this, statement, values);
  });
  try {
    const worker = await run('a', async () => ({ kind: 'done', settled: false }), {
      settles: false,
    });
    await send(reserve(undefined, 0));
    await until(() => worker.deliveries.length === 1);
    await workers.splice(workers.indexOf(worker), 1)[0]!.close();
    expect(await left('message')).toBe(0);
  } finally {
    slow.mockRestore();
  }
});

it('does not begin with a message whose body came after the stop', async () => {
  const { fetch } = LaneLeases.prototype;
  let asked = () => {};
  const fetching = new Promise<void>((resolve) => (asked = resolve));
  let go = () => {};
  const stopped = new Promise<void>((resolve) => (go = resolve));
  const slow = jest.spyOn(LaneLeases.prototype, 'fetch').mockImplementation(async function (
    this: LaneLeases,
    message,
  ) {
    asked();
    await stopped;
    return fetch.call(this, message);
  });
  try {
    const worker = await run('a', settle);
    const large = reserve('k', 0);
    await send({
      ...large,
      body: Buffer.from(`${large.body.toString().slice(0, -1)},"pad":"${'x'.repeat(10_000)}"}`),
    });
    await fetching;
    await worker.stop();
    go();
    const other = await run('b', settle);
    await until(() => other.deliveries.length === 1);
    expect([worker.deliveries.length, other.deliveries[0]!.attempt]).toEqual([0, 1]);
  } finally {
    slow.mockRestore();
  }
});

it('does not read large bodies ahead', async () => {
  await send(
    ...upTo(5).map((n) => ({ ...reserve('k', n), body: Buffer.alloc(n < 4 ? 8_193 : 8_192, 'x') })),
  );
  const { rows } = await database.admin.query<{ bytes: number | null }>(
    `select octet_length(body) bytes from parley.claim((select id from parley.queue where name = 'inventory'), '{}', 7, -9223372036854775808, 10, 10, '1 s', 8192)`,
  );
  expect(rows.map(({ bytes }) => bytes)).toEqual([null, null, null, null, 8_192]);
});

it('keeps the order of each key among four consumers, some of whose handlings fail', async () => {
  const failed = new Set<string>();
  const handle = async (handling: Handling) => {
    const id = handling.delivery.headers.id!;
    if (handling.n % 7 !== 0 || failed.has(id)) return handling.settle();
    failed.add(id);
    return retry(5);
  };
  await Promise.all(['a', 'b', 'c', 'd'].map((name) => run(name, handle)));
  for (let n = 0; n < 30; n++) await send(...upTo(20).map((key) => reserve(`k${key}`, n)));
  await until(async () => (await effects(database)).length === 600);
  for (const key of upTo(20)) expect(await numbersOf(`k${key}`)).toEqual(upTo(30));
});

it('wakes a consumer that has nothing to do', async () => {
  const worker = await run('a', settle);
  await until(() => worker.health().state === 'consuming');
  await send(reserve('k', 0));
  await database.admin.query(`select parley.ring('{parley_queue_inventory}')`);
  await until(async () => (await effects(database)).length === 1);
});

it('does not keep what is delayed waiting when the time of day is set back', async () => {
  const worker = await run('a', settle);
  await send(reserve('k', 0));
  await until(async () => (await effects(database)).length === 1);
  worker.clock.off = -3_600_000;
  await send(reserve('k', 1, { delay: 300 }));
  await until(async () => (await effects(database)).length === 2);
});

it('delivers again, elsewhere, what a consumer died with', async () => {
  const dying = await run('a', () => new Promise(() => undefined), { lease: 300 });
  await send(reserve('k', 0));
  await until(() => dying.deliveries.length === 1);
  dying.clock.stopped = true;
  await dying.cut();
  const next = await run('b', settle);
  await until(async () => (await effects(database)).length === 1);
  expect(next.deliveries.map(({ attempt, suspect }) => [attempt, suspect])).toEqual([[1, true]]);
});

it('commits nothing of a handling that slept past its lease', async () => {
  let wake = () => {};
  const slept = new Promise<void>((resolve) => (wake = resolve));
  let outcome: Outcome | undefined;
  const sleeper = await run(
    'sleeper',
    async (handling) => (outcome = await handling.settle(() => slept)),
    { lease: 300 },
  );
  await send(reserve('k', 0), reserve('k', 1));
  await until(() => sleeper.deliveries.length === 1);
  sleeper.clock.stopped = true; // its lease is not renewed any more
  await run('other', settle);
  await until(async () => (await effects(database)).length === 2);
  wake();
  await until(() => outcome !== undefined);
  expect(outcome).toEqual({ kind: 'return' });
  expect(await effects(database)).toEqual([
    { lane: 'k', n: 0, by: 'other' },
    { lane: 'k', n: 1, by: 'other' },
  ]);
});

it('tells a handling that its lease is lost', async () => {
  const worker = await run(
    'a',
    ({ delivery: { signal } }) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve({ kind: 'return' }))),
    { lease: 300 },
  );
  await send(reserve('k', 0));
  await until(() => worker.deliveries.length === 1);
  await database.admin.query('update parley.lane set token = 1');
  await until(() => worker.deliveries[0]!.signal.aborted);
});

it('keeps a lease as long as the handling takes', async () => {
  const started = performance.now();
  const slow = await run(
    'slow',
    async (handling) => (await until(() => performance.now() - started > 900), handling.settle()),
    { lease: 300 },
  );
  await send(reserve('k', 0));
  await until(() => slow.deliveries.length === 1);
  const other = await run('other', settle, { lease: 300 });
  await until(async () => (await effects(database)).length === 1);
  expect(other.deliveries).toEqual([]);
});

it('does not retry before its time, and the key waits', async () => {
  const times: number[] = [];
  const worker = await run('a', async (handling) => {
    times.push(performance.now());
    return handling.delivery.attempt < 3 ? retry(150) : handling.settle();
  });
  await send(reserve('k', 0), reserve('k', 1), reserve('other', 2));
  await until(async () => (await effects(database)).length === 3 || worker.deliveries.length > 9);
  expect(await numbersOf('k')).toEqual([0, 1]);
  const ofFirst = worker.deliveries.flatMap(({ body }, index) =>
    body.toString().includes('"n":0') ? [times[index]!] : [],
  );
  expect(ofFirst).toHaveLength(3);
  expect(ofFirst[1]! - ofFirst[0]!).toBeGreaterThanOrEqual(149);
  expect(ofFirst[2]! - ofFirst[1]!).toBeGreaterThanOrEqual(149);
});

it('tells a retried handling what failed before, and only that one', async () => {
  const worker = await run('a', async (handling) =>
    handling.delivery.attempt === 1 && handling.n === 0 ? retry(0) : handling.settle(),
  );
  await send(reserve('k', 0), reserve('k', 1));
  await until(async () => (await effects(database)).length === 2);
  expect(worker.deliveries.map(({ attempt, failure: before }) => [attempt, before])).toEqual([
    [1, undefined],
    [2, failure],
    [1, undefined],
  ]);
});

it('holds a command back until its delay is over', async () => {
  const sent = performance.now();
  await send(reserve(undefined, 0, { delay: 300 }), reserve(undefined, 1));
  await run('a', settle);
  await until(async () => (await effects(database)).length === 2);
  expect(performance.now() - sent).toBeGreaterThanOrEqual(300);
  expect((await effects(database)).map(({ n }) => n)).toEqual([1, 0]);
});

it('delivers commands that become due together in the order in which they were sent', async () => {
  await send(...upTo(5).map((n) => reserve('k', n, { delay: 200 })));
  await run('a', settle);
  await until(async () => (await effects(database)).length === 5);
  expect((await effects(database)).map(({ n }) => n)).toEqual(upTo(5));
});

it('keeps a dead letter with its evidence and goes on', async () => {
  await run('a', async (handling) =>
    handling.n === 0 ? { kind: 'dead', failure, hold: false } : handling.settle(),
  );
  await send(reserve('k', 0), reserve('k', 1));
  await until(async () => (await effects(database)).length === 1);
  const { rows } = await database.admin.query('select attempts, failure from parley.dead');
  expect(rows).toEqual([{ attempts: 4, failure: JSON.stringify(failure) }]);
});

it('holds a key behind its dead letter until that is replayed, then goes on in order', async () => {
  let broken = true;
  await run('a', async (handling) =>
    handling.n === 1 && broken ? { kind: 'dead', failure, hold: true } : handling.settle(),
  );
  await send(...upTo(5).map((n) => reserve('k', n)));
  await until(async () => (await left('dead')) === 1);
  await send(reserve('k', 5), reserve('other', 0));
  await until(async () => (await numbersOf('other')).length === 1);
  expect(await numbersOf('k')).toEqual([0]);
  broken = false;
  await database.admin.query(
    `select parley.replay('inventory', id, 'spec', 'mended') from parley.dead`,
  );
  await until(async () => (await numbersOf('k')).length === 6);
  expect(await numbersOf('k')).toEqual(upTo(6));
});

it('lets commands pass a dead letter whose sender says so: those that wait already, and later ones', async () => {
  const numbers = upTo(3);
  let retried = 0;
  await run('a', async (handling) => {
    if (handling.n !== 0) return handling.settle();
    return retried++ === 0 ? retry(300) : { kind: 'dead', failure, hold: true };
  });
  await send(...numbers.map((n) => reserve('k', n, { passes: n === 2 })));
  await until(async () => (await left('dead')) === 1);
  await until(async () => (await numbersOf('k')).length === 1);
  await send(reserve('k', 3), reserve('k', 4, { passes: true }), reserve('other', 9));
  await until(
    async () => (await numbersOf('k')).length === 2 && (await numbersOf('other')).length === 1,
  );
  expect(await numbersOf('k')).toEqual([2, 4]);
});

it('keeps the order of a command that passes dead letters while nothing is dead', async () => {
  let retried = 0;
  await run('a', async (handling) =>
    handling.n === 0 && retried++ === 0 ? retry(300) : handling.settle(),
  );
  await send(reserve('k', 0), reserve('k', 1), reserve('k', 2, { passes: true }));
  await until(async () => (await numbersOf('k')).length === 3);
  expect(await numbersOf('k')).toEqual(upTo(3));
});

it('takes a message that was sent twice into effect once', async () => {
  const id = randomUUID();
  await send(
    reserve('k', 0, { id }),
    reserve('k', 0, { id }),
    reserve(undefined, 1, { id }),
    reserve('k', 2),
  );
  await run('a', settle);
  await until(async () => (await left('message')) === 0);
  expect((await effects(database)).map(({ n }) => n).sort()).toContain(2);
  expect(await effects(database)).toHaveLength(2);
});

it('gives back what it had not begun when it is stopped, and that counts as no attempt', async () => {
  let finish = () => {};
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const stopping = await run('a', async (handling) => (await finished, handling.settle()), {
    concurrency: 1,
  });
  await send(
    ...upTo(5).map((n) => reserve('k', n)),
    ...upTo(5).map((n) => reserve(undefined, 10 + n)),
  );
  await until(() => stopping.deliveries.length === 1);
  await stopping.stop();
  const next = await run('b', settle);
  await until(async () => (await effects(database)).length >= 5);
  finish();
  await until(async () => (await effects(database)).length === 10);
  expect(stopping.deliveries).toHaveLength(1);
  expect(new Set(next.deliveries.map(({ attempt }) => attempt))).toEqual(new Set([1]));
  expect(await numbersOf('k')).toEqual(upTo(5));
});

it('gives back what is still being handled when it is closed', async () => {
  const closing = await run('a', () => new Promise(() => undefined));
  await send(reserve('k', 0));
  await until(() => closing.deliveries.length === 1);
  void workers.pop()!.close();
  await until(() => closing.deliveries[0]!.signal.aborted);
  const next = await run('b', settle);
  await until(async () => (await effects(database)).length === 1);
  expect(next.deliveries.map(({ attempt }) => attempt)).toEqual([1]);
});

it('comes back by itself when its connections are lost', async () => {
  const worker = await run('a', settle);
  await worker.cut();
  await send(reserve('k', 0));
  await until(async () => (await effects(database)).length === 1);
  await until(() => worker.health().state === 'consuming');
});

it('acknowledges by itself what took effect in another database', async () => {
  await run('a', async () => ({ kind: 'done', settled: false }), { settles: false });
  await send(reserve('k', 0), reserve('k', 1), reserve(undefined, 2));
  await until(async () => (await left('message')) === 0 && (await left('lane')) === 0);
});
