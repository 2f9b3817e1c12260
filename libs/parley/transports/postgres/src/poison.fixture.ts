import { Controller } from '@nestjs/common';
import { event } from '@parley/contract';
import { Handles, Subscription, type HandlerContext } from '@parley/messaging';
import { eventually, Instance } from '@parley/conformance';
import { z } from 'zod';
import { postgres } from './postgres';
import { PostgresStore } from './store/store';
import { TrialDatabase } from './trial-database.fixture';

export interface PoisonOptions {
  readonly events: number;
  readonly keys: number;
  /** Events published per second. */
  readonly rate: number;
  /** True when one of the events fails at every attempt, until it is repaired. */
  readonly poison: boolean;
}

/**
 * The result of one run. Times in milliseconds, from publishing to the handler's commit, of every
 * lane except the poisoned one.
 */
export interface PoisonRun {
  readonly handled: number;
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
  /**
   * Events that waited behind the poison before it was repaired, and milliseconds of its lane from
   * the replay to the last of them.
   */
  readonly parked: number;
  readonly released: number;
  /** Errors found: a wrong order, an effect too many or too few. */
  readonly faults: readonly string[];
}

interface Effect {
  readonly lane: string;
  readonly n: number;
}

const SERVICE = 'shop';
const Placed = event(`${SERVICE}.order-placed`, z.object({ key: z.string(), n: z.int() }), {
  key: 'key',
});
type Placed = z.infer<typeof Placed.payload>;
const PATIENCE = 120_000;
/** The first events meet cold caches and code that is not compiled yet. */
const WARM_UP = 0.1;

/**
 * Publishes events of many keys at a steady rate to the log, one of them poison or none; then
 * repairs and replays it.
 */
export async function poisonRun({ events, keys, rate, poison }: PoisonOptions): Promise<PoisonRun> {
  const database = await TrialDatabase.create([SERVICE]);
  // In the middle of its lane and of the run.
  const bad = Math.floor(events / 2);
  const keyOf = (n: number) => `k${n % keys}`;
  const poisoned = keyOf(bad);
  let mended = !poison;

  @Controller()
  @Subscription('books')
  class Books {
    @Handles(Placed, { retry: { immediate: 3, delays: ['100ms', '500ms'] } })
    async book({ key, n }: Placed, { tx }: HandlerContext): Promise<void> {
      await tx.query('insert into public.effect (lane, n) values ($1, $2)', [key, n]);
      if (n === bad && !mended) throw new Error('poison');
    }
  }

  const instance = await Instance.start(SERVICE, `${SERVICE}-1`, placeIn(database), [Books]);
  try {
    const successors = Array.from({ length: events }, (_, n) => n).filter(
      (n) => n > bad && keyOf(n) === poisoned,
    ).length;
    const free = poison ? events - successors - 1 : events;
    await sendAll(instance, events, rate, keyOf);
    await eventually(async () => (await countOf(database)) >= free, `${free} effects`, PATIENCE);
    const parked = poison ? await parkedBehind(instance, successors) : 0;
    const faults = [...(await faultsOf(database, free, keys))];
    mended = true;
    const started = performance.now();
    if (poison) await replay(instance);
    await eventually(
      async () => (await countOf(database)) >= events,
      `${events} effects after the replay`,
      PATIENCE,
    );
    const released = performance.now() - started;
    faults.push(...(await faultsOf(database, events, keys)));
    return {
      ...timesOf(instance, poison ? poisoned : undefined),
      parked,
      released: poison ? released : 0,
      faults,
    };
  } finally {
    await instance.stop();
    await database.drop();
  }
}

/**
 * Publishes each event when it is due, or as soon as possible; those due together share one
 * transaction, so that they keep their order.
 */
async function sendAll(
  { transactions, messenger }: Instance,
  events: number,
  rate: number,
  keyOf: (n: number) => string,
): Promise<void> {
  const started = performance.now();
  for (let sent = 0; sent < events;) {
    const due = Math.min(events, Math.floor(((performance.now() - started) / 1_000) * rate) + 1);
    const batch = Array.from({ length: due - sent }, (_, i) => sent + i);
    if (batch.length > 0) {
      await transactions.run(async () => {
        for (const n of batch) await messenger.publish(Placed, { key: keyOf(n), n });
      });
    }
    sent = due;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Waits until the poison is dead and all later events of its lane are parked. */
async function parkedBehind(instance: Instance, successors: number): Promise<number> {
  const { deadLetters } = instance.store.lanes;
  return eventually(
    async () => {
      const [letter] = await deadLetters.list();
      const found = letter && (await deadLetters.find(letter.id));
      return found && found.waiting >= successors && found.waiting;
    },
    `${successors} events behind the poison`,
    PATIENCE,
  );
}

async function replay({ store }: Instance): Promise<void> {
  const letters = await store.lanes.deadLetters.list();
  if (letters.length !== 1)
    throw new Error(`there are ${letters.length} dead letters instead of one`);
  await store.lanes.deadLetters.replay(letters[0]!.id);
}

const countOf = async ({ admin }: TrialDatabase): Promise<number> =>
  Number((await admin.query<{ n: string }>('select count(*) n from public.effect')).rows[0]!.n);

/** Checks that every effect occurred once, and those of a key in the order of publishing. */
async function faultsOf(
  { admin }: TrialDatabase,
  expected: number,
  keys: number,
): Promise<readonly string[]> {
  const { rows } = await admin.query<Effect>('select lane, n from public.effect order by number');
  const faults =
    new Set(rows.map(({ n }) => n)).size === rows.length && rows.length === expected
      ? []
      : [`${rows.length} effects instead of ${expected}`];
  const last = new Map<string, number>();
  for (const { lane, n } of rows) {
    // An event missing in between shows as a gap in the numbers of its key.
    const before = last.get(lane);
    if (before !== undefined && n !== before + keys) faults.push(`${lane}: ${n} after ${before}`);
    last.set(lane, n);
  }
  return faults;
}

function timesOf(
  { handlings }: Instance,
  without: string | undefined,
): Pick<PoisonRun, 'handled' | 'p50' | 'p99' | 'longest'> {
  const done = handlings.entries.filter(
    ({ outcome, envelope }) => outcome === 'done' && envelope!.partitionkey !== without,
  );
  const ages = done
    .slice(Math.floor(done.length * WARM_UP))
    .map(({ age }) => age)
    .sort((a, b) => a - b);
  const at = (share: number) =>
    ages[Math.min(ages.length - 1, Math.floor(ages.length * share))] ?? NaN;
  return {
    handled: handlings.entries.filter(({ outcome }) => outcome === 'done').length,
    p50: at(0.5),
    p99: at(0.99),
    longest: ages.at(-1) ?? NaN,
  };
}

function placeIn(database: TrialDatabase): Instance['place'] {
  const dataSource = database.dataSource(SERVICE);
  const url = database.url(SERVICE);
  return {
    options: {
      urls: { events: url },
      technologies: [postgres],
      store: new PostgresStore(dataSource, { service: SERVICE }),
    },
    kill: () => 0,
    alive: () => true,
    close: async () => void (dataSource.isInitialized && (await dataSource.destroy())),
  };
}
