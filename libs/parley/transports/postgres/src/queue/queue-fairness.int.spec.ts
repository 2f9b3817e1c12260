import { Database } from '../connection/database';
import { connectionTo } from '../address';
import { LaneLeases, type Lane } from './lane-leases';
import { SEND, sendValues } from './queue-sender';
import { TrialDatabase } from '../trial-database.fixture';
import { StoppableClock } from '../stoppable-clock.fixture';
import { reserve } from './worker.fixture';

jest.setTimeout(60_000);

const INSTANCES = 12;
const WANTED = 200;
const LEASE_MS = 60_000;
const SURROUNDINGS = { clock: new StoppableClock(), log: () => undefined };

let trial: TrialDatabase;
let database: Database;
let queue: number;

beforeAll(async () => {
  trial = await TrialDatabase.create(['inventory', 'orders']);
  database = Database.open(connectionTo(trial.url('inventory')), SURROUNDINGS);
  queue = (
    await database.call<{ id: number }>(
      { name: 'spec_open', text: 'select parley.open_queue($1) id' },
      ['inventory'],
    )
  )[0]!.id;
});
beforeEach(() => trial.empty());
afterAll(async () => {
  await database.close();
  await trial.drop();
});

async function send(count: number, keyOf: (n: number) => string | undefined): Promise<void> {
  for (let n = 0; n < count; n += 1_000) {
    const some = Array.from({ length: Math.min(1_000, count - n) }, (_, i) =>
      reserve(keyOf(n + i), n + i),
    );
    await trial.admin.query(SEND.text, sendValues(some));
  }
}

/**
 * Claims as a consumer does: continues a scan that stopped early, and passes once over a queue
 * with all its lanes held.
 */
async function claim(leases: LaneLeases, wanted: number): Promise<Lane[]> {
  const lanes = await leases.claim(wanted);
  for (let scans = 0; lanes.length < wanted / 2 && leases.brokenOff && scans < 100; scans++)
    lanes.push(...(await leases.claim(wanted - lanes.length)));
  return lanes;
}

it.each([
  ['keyed', (n: number) => `k${n}`],
  ['without keys', () => undefined],
  ['half of them keyed', (n: number) => (n % 2 === 0 ? `k${n}` : undefined)],
])('gives %s lanes to any number of instances', async (_, keyOf) => {
  await send(6_000, keyOf);
  const got: number[] = [];
  const lanes = new Set<string>();
  for (let i = 0; i < INSTANCES; i++) {
    const mine = await claim(new LaneLeases(database, queue, LEASE_MS), WANTED);
    got.push(mine.length);
    for (const { id } of mine) lanes.add(id);
  }
  expect(Math.min(...got)).toBeGreaterThanOrEqual(WANTED / 2);
  expect(lanes.size).toBe(got.reduce((sum, n) => sum + n, 0)); // no lane is held twice
});

it('gives each of many instances its part when all claim and hand back at the same time', async () => {
  const ROUNDS = 8;
  const A_TIME = 20;
  await send(INSTANCES * A_TIME, (n) => `k${n}`);
  const databases = Array.from({ length: INSTANCES }, (_, n) =>
    Database.open(connectionTo(trial.url('inventory', `instance-${n}`)), SURROUNDINGS),
  );
  const instances = databases.map((one) => new LaneLeases(one, queue, LEASE_MS));
  const got = instances.map(() => 0);
  const holders = new Map<string, number>();
  try {
    await Promise.all(
      instances.map(async (leases, n) => {
        for (let round = 0; round < ROUNDS; round++) {
          const mine = await claim(leases, A_TIME);
          got[n]! += mine.length;
          for (const { id } of mine) {
            expect(holders.get(id)).toBeUndefined(); // no lane is held twice
            holders.set(id, n);
          }
          await leases.renew(performance.now());
          for (const { id } of mine) holders.delete(id);
          await leases.giveBack(mine, 0);
        }
      }),
    );
  } finally {
    for (const one of databases) await one.close();
  }
  const mean = got.reduce((sum, n) => sum + n, 0) / INSTANCES;
  expect(mean).toBeGreaterThanOrEqual(ROUNDS);
  expect(Math.min(...got)).toBeGreaterThanOrEqual(mean / 4);
});

it('finds the few that are free behind thousands that are held, and what is given back before them', async () => {
  await send(5_000, () => undefined);
  const holder = new LaneLeases(database, queue, LEASE_MS);
  const held: Lane[] = [];
  while (held.length < 4_990)
    held.push(...(await claim(holder, Math.min(WANTED, 4_990 - held.length))));
  const other = new LaneLeases(database, queue, LEASE_MS);
  const found = await claim(other, 20);
  expect(found.map(({ messages }) => messages.length)).toEqual(Array(10).fill(1));
  await holder.giveBack(held.slice(0, 5), 0);
  expect(await claim(other, 20)).toHaveLength(5);
});

it('takes the oldest first, however far it has come', async () => {
  await send(1_000, () => undefined);
  const one = new LaneLeases(database, queue, LEASE_MS);
  let now = 0;
  const first = await one.claim(100, now);
  await one.claim(100, now);
  await one.giveBack(first, 0);
  now += 1_000;
  const again = await one.claim(100, now);
  expect(again.map(({ id }) => id)).toEqual(first.map(({ id }) => id));
});
