import type { Failure, Outcome, OutgoingMessage } from '@parley/messaging/transport';
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
  tries: 1,
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
const never = () => new Promise<Outcome>(() => undefined);
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);
const effectsOf = async () => (await effects(database)).length;

/** As a process that ended: it renews nothing, and its leases are over. */
async function die(worker: Worker): Promise<void> {
  worker.clock.stopped = true;
  await worker.cut();
  await database.admin.query(`update parley.lane set until = clock_timestamp() where token <> 0`);
}

beforeAll(async () => {
  database = await TrialDatabase.create(['inventory', 'orders']);
});
beforeEach(() => database.empty());
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.close()));
});
afterAll(() => database.drop());

it('leases what came back without an outcome one at a time, with nothing beside it, and in turns with others', async () => {
  const dying = await run('dying', never, { concurrency: 8 });
  await send(...upTo(8).map((n) => reserve(n % 2 === 0 ? `k${n}` : undefined, n)));
  await until(() => dying.deliveries.length === 8);
  await die(dying);
  const leased: number[] = [];
  const next = await run('next', async (handling) => {
    const { rows } = await database.admin.query<{ n: string }>(
      'select count(*) n from parley.lane where token <> 0 and until > clock_timestamp()',
    );
    if (handling.delivery.suspect) {
      leased.push(Number(rows[0]!.n));
      await send(reserve(`other${leased.length}`, 100 + leased.length));
    }
    return handling.settle();
  });
  await until(async () => (await effectsOf()) === 16);
  expect(leased).toEqual(Array(8).fill(1));
  const order = next.deliveries.map(({ suspect }) => suspect === true);
  expect(order.slice(order.indexOf(true), order.lastIndexOf(true))).toContain(false); // others had turns in between
  await until(
    async () =>
      Number((await database.admin.query('select count(*) n from parley.lane')).rows[0].n) === 0,
  );
});

it('does not count a delivery without an outcome as an attempt, also not of a message that failed before', async () => {
  const attempts: (readonly [number, number, boolean | undefined])[] = [];
  const noted = (handling: Handling) =>
    attempts.push([handling.n, handling.delivery.attempt, handling.delivery.suspect]);
  const dying = await run('dying', async (handling) => {
    noted(handling);
    return handling.n === 1 && handling.delivery.attempt === 1
      ? { kind: 'retry', after: 0, failure }
      : never();
  });
  await send(reserve('a', 0), reserve('b', 1));
  await until(() => attempts.length === 3);
  await die(dying);
  attempts.length = 0;
  const next = await run('next', async (handling) => {
    noted(handling);
    if (handling.n === 1 && handling.delivery.attempt === 2)
      return { kind: 'retry', after: 0, failure };
    return handling.settle();
  });
  await until(async () => (await effectsOf()) === 2);
  expect(attempts.filter(([n]) => n === 0)).toEqual([[0, 1, true]]);
  expect(attempts.filter(([n]) => n === 1)).toEqual([
    [1, 2, true],
    [1, 3, false],
  ]);
  expect(next.deliveries.find(({ attempt }) => attempt === 2)!.failure).toEqual(failure);
});

it('suspects of a lane its first message alone', async () => {
  const dying = await run('dying', (handling) => (handling.n === 1 ? never() : handling.settle()));
  await send(...upTo(4).map((n) => reserve('k', n)));
  await until(() => dying.deliveries.length === 2);
  await die(dying);
  const next = await run('next', settle);
  await until(async () => (await effectsOf()) === 4);
  expect(next.deliveries.map(({ attempt, suspect }) => [attempt, suspect])).toEqual([
    [1, true],
    [1, false],
    [1, false],
  ]);
  expect((await effects(database)).map(({ n }) => n)).toEqual(upTo(4));
});

it('does not suspect what was given back', async () => {
  const closing = await run('closing', never);
  await send(reserve('k', 0), reserve(undefined, 1));
  await until(() => closing.deliveries.length === 2);
  void workers.pop()!.close();
  await until(() => closing.deliveries.every(({ signal }) => signal.aborted));
  const next = await run('next', settle);
  await until(async () => (await effectsOf()) === 2);
  expect(next.deliveries.map(({ attempt, suspect }) => [attempt, suspect])).toEqual([
    [1, false],
    [1, false],
  ]);
});

it('gives a suspect back when it is stopped, still a suspect', async () => {
  const dying = await run('dying', never);
  await send(reserve('k', 0));
  await until(() => dying.deliveries.length === 1);
  await die(dying);
  const stopping = await run('stopping', never);
  await until(() => stopping.deliveries.length === 1);
  void workers.pop()!.close();
  await until(() => stopping.deliveries[0]!.signal.aborted);
  const next = await run('next', settle);
  await until(async () => (await effectsOf()) === 1);
  expect(next.deliveries.map(({ attempt, suspect }) => [attempt, suspect])).toEqual([[1, true]]);
});
