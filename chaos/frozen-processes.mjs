// F03: processes stand still for longer than a lease, and go on when others have their work.
import pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import { PATIENCE_MS } from './test-bed.mjs';

/** @import { Planned } from './record.mjs' */
/** @import { Shop } from './shop.mjs' */
/** @import { TestBed } from './test-bed.mjs' */

/**
 * The leases and their holders.
 * @typedef {object} Holders
 * @property {{ queue: number, lane: string, token: string, until: string }[]} lanes
 * @property {{ sub: number, part: number, epoch: string }[]} partitions
 */

const IGNORANT_FOR_MS = 20_000;

/**
 * In a rush with slow payments. Processes are stopped at work: an idle one would have nothing to
 * write late.
 * @param {TestBed} bed
 * @param {Planned} event
 * @param {number} milliseconds
 */
export async function freeze(bed, { victims = [] }, milliseconds) {
  const { shop, customers } = bed;
  await bed.provider({ delayMs: 1500 });
  customers.haste = 6;
  await bed.until(PATIENCE_MS / 3, async () => (await holdersIn(bed)).lanes.length >= 6, 100); // on a slow machine: or as many as there are by then
  const places = victims.map((name) => shop.logSize(name));
  const caught = await stopAtWork(bed, victims);
  customers.haste = 1;
  try {
    const first = await holdersIn(bed);
    await sleep(15_000);
    const second = await holdersIn(bed);
    await sleep(milliseconds - 15_000);
    const taken = takenOver(first, second, await holdersIn(bed));
    const goOnLearning = await keepIgnorant(bed, victims);
    goOn(shop, victims);
    await bed.provider({ delayMs: 0 });
    const refused = () =>
      victims.flatMap((name, n) => lateWrites(shop.logFrom(name, places[n] ?? 0)));
    const accepted = () =>
      bed.count('select count(*)::int as count from chaos.late_write').catch(() => 0);
    await bed.until(IGNORANT_FOR_MS, async () => refused().length + (await accepted()) > 0, 250);
    await goOnLearning();
    const late = { refused: refused().length, example: refused()[0], accepted: await accepted() };
    return {
      victims,
      caught,
      ...taken,
      ...late,
      bit: taken.lanes + taken.partitions > 0 && late.refused + late.accepted > 0,
    };
  } finally {
    goOn(shop, victims);
    await bed.provider({ delayMs: 0 });
  }
}

/**
 * Stops the processes, if possible while a transaction of the read model is open. Resolves with
 * whether it was. Payments is stopped while it asks the provider.
 * @param {TestBed} bed
 * @param {readonly string[]} victims
 */
async function stopAtWork(bed, victims) {
  const { shop } = bed;
  const stop = async () => {
    for (const name of victims) shop.signal(name, 'SIGSTOP');
    await sleep(300);
    /** @type {{ caught: boolean }} */
    const { caught } = await bed.row(LEFT_OPEN);
    if (!caught) goOn(shop, victims);
    return caught;
  };
  if (await bed.until(PATIENCE_MS / 2, stop, 50)) return true;
  for (const name of victims) shop.signal(name, 'SIGSTOP');
  return false;
}

/**
 * Most processes that go on learn that their leases are lost before they write anything, and drop
 * their work. The fence is for the others. So this delays the answer about the leases until after
 * the work. Resolves with a function that ends the delay.
 * @param {TestBed} bed
 * @param {readonly string[]} victims
 */
async function keepIgnorant({ shop }, victims) {
  const client = new pg.Client({ connectionString: shop.launched().databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('begin');
  await client.query(
    `select from parley.event_member where split_part(instance, '/', 1) = any($1) for update`,
    [victims],
  );
  return () => client.end();
}

/**
 * @param {Shop} shop
 * @param {readonly string[]} victims
 */
function goOn(shop, victims) {
  for (const name of victims) shop.signal(name, 'SIGCONT');
}

/**
 * @param {TestBed} bed
 * @returns {Promise<Holders>}
 */
async function holdersIn(bed) {
  return {
    lanes: await bed.query(
      `select l.queue, l.lane::text, l.token::text, l.until::text from parley.lane l join parley.queue q on q.id = l.queue where q.name = 'payments' and l.token <> 0`,
    ),
    partitions: await bed.query(
      `select p.sub, p.part, p.epoch::text from parley.event_position p join parley.event_subscription s on s.id = p.sub where s.service = 'orders'`,
    ),
  };
}

/**
 * True if a transaction of the read model is left open: a running process never waits for so long
 * in it. The read model, because a line that is written twice there is seen twice.
 */
const LEFT_OPEN = `select exists (select from pg_stat_activity where usename = 'orders' and state = 'idle in transaction' and query ~ '(from|update) order_view'
  and state_change < clock_timestamp() - interval '250 ms') as caught`;

/**
 * Writes of a process that stood still which were refused when it went on.
 * @param {string} log
 * @returns {string[]}
 */
const lateWrites = (log) =>
  log
    .split('\n')
    .filter((line) => line.includes('after its lease was lost'))
    .map((line) => JSON.parse(line).message);

/**
 * Counts leases that another process got while their holder stood still. Partitions count their
 * holders. Lanes that were neither finished nor renewed between the first two looks belonged to the
 * stopped process.
 * @param {Holders} first
 * @param {Holders} second
 * @param {Holders} third
 */
function takenOver(first, second, third) {
  /** @param {Holders} looks */
  const held = (looks) =>
    new Map(
      looks.lanes.map(({ queue, lane, token, until }) => [`${queue}/${lane}`, `${token} ${until}`]),
    );
  const [before, between, after] = [held(first), held(second), held(third)];
  const epochs = new Map(third.partitions.map(({ sub, part, epoch }) => [`${sub}/${part}`, epoch]));
  return {
    lanes: [...before].filter(
      ([lane, holder]) => between.get(lane) === holder && after.get(lane) !== holder,
    ).length,
    partitions: first.partitions.filter(
      ({ sub, part, epoch }) => epochs.get(`${sub}/${part}`) !== epoch,
    ).length,
  };
}
