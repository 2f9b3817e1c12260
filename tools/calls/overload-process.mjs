// One process of the overload run: `node overload-process.mjs <dist> <port of catalog>
// <port of inventory> <role>`. `catalog` and `inventory` answer calls; `caller` makes as many a second
// as its parent says, and reports each of them. `catalog` fails each second call, by chance, while its
// parent says so, and tells how often it was asked.
import { z } from 'zod';
import { takeOrders } from './forked.mjs';
import { kitIn, startKit } from './kit-process.mjs';

const [dist = '', catalogPort, inventoryPort, role = ''] = process.argv.slice(2);
const kit = kitIn(dist);
const { call } = kit('contract');
/** @type {{ OutageError: new (message: string) => Error }} */
const { OutageError } = kit('messaging');

/** @type {Readonly<Record<string, number>>} */
const PORTS = { catalog: Number(catalogPort), inventory: Number(inventoryPort) };
const definition = {
  request: z.object({ n: z.int() }),
  reply: z.object({ n: z.int() }),
  deadline: 1_000,
  idempotent: true,
};
const QuotePrice = call('catalog.quote-price', definition);
const ListStock = call('inventory.list-stock', definition);

/** @typedef {{ n: number }} Request */
/** @typedef {NonNullable<Parameters<typeof startKit>[1]['answers']>} Answers */
/** @typedef {{ perSecond: number, seconds: number, isOnlyCatalog?: boolean }} Load */
/** @typedef {{ at: number, took: number, outcome: string }} Result times in milliseconds */
/** @typedef {{ at: number, circuit: string, rss: number }} State */
/** @typedef {{ contract: string, circuit: string }} Target */

/** Quotes that catalog makes at the same time; the others wait. */
const WORKERS = 2;
const WORK_MS = 20;
let busy = 0;
let asked = 0;
let isFailing = false;

/** Its database is away. */
class AwayError extends OutageError {
  name = 'AwayError';
  effect = 'none';
}

/** @type {(() => void)[]} */
const queue = [];

/**
 * @param {Request} request
 * @param {{ signal: AbortSignal }} context
 */
async function quote({ n }, { signal }) {
  asked += 1;
  if (isFailing && Math.random() < 0.5) throw new AwayError('the database is away');
  if (busy >= WORKERS)
    await /** @type {Promise<void>} */ (new Promise((resolve) => queue.push(resolve)));
  busy += 1;
  // The caller has given up: no work for its reply.
  if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, WORK_MS));
  busy -= 1;
  queue.shift()?.();
  return { n };
}

/** @type {Readonly<Record<string, Answers>>} */
const ANSWERS = {
  catalog: { contract: QuotePrice, port: Number(catalogPort), answer: quote },
  inventory: { contract: ListStock, port: Number(inventoryPort), answer: ({ n }) => ({ n }) },
};
const { messaging, messenger } = await startKit(kit, {
  service: role,
  technology: kit('transports/grpc').grpc,
  urlOf: (owner) => `grpc://127.0.0.1:${PORTS[owner]}`,
  answers: ANSWERS[role],
});

/**
 * Calls at an even pace, however slowly they are answered.
 * @param {object} contract
 * @param {Load} order
 * @returns {Promise<Result[]>}
 */
function load(contract, { perSecond, seconds }) {
  /** @type {Result[]} */
  const results = [];
  const began = performance.now();
  let made = 0;
  const make = async () => {
    const started = performance.now();
    const outcome = await messenger.call(contract, { n: made }).then(
      () => 'ok',
      (/** @type {Error & { reason?: string }} */ error) => error.reason ?? error.name,
    );
    const ended = performance.now();
    results.push({ at: ended - began, took: ended - started, outcome });
  };
  return new Promise((resolve) => {
    /** @type {Promise<void>[]} */
    const under = [];
    const timer = setInterval(() => {
      const due = Math.min(
        perSecond * seconds,
        Math.floor(((performance.now() - began) / 1000) * perSecond),
      );
      while (made < due) {
        made += 1;
        under.push(make());
      }
      if (made < perSecond * seconds) return;
      clearInterval(timer);
      void Promise.all(under).then(() => resolve(results));
    }, 10);
  });
}

/**
 * Each half second: the circuit of the quotes, and the memory.
 * @param {Promise<Result[]>} work
 */
async function watched(work) {
  const began = performance.now();
  /** @type {State[]} */
  const states = [];
  const look = () => {
    /** @type {{ targets: Target[] }} */
    const { targets } = messaging.introspection.callState();
    states.push({
      at: performance.now() - began,
      circuit: targets.find(({ contract }) => contract === QuotePrice.name)?.circuit ?? 'closed',
      rss: process.memoryUsage.rss(),
    });
  };
  const timer = setInterval(look, 500);
  const results = await work;
  clearInterval(timer);
  return { results, states };
}

/** @param {Load | { isFailing: boolean }} order */
async function obey(order) {
  if ('isFailing' in order) {
    isFailing = order.isFailing;
    return { asked };
  }
  const quotes = load(QuotePrice, order);
  const others = order.isOnlyCatalog ? [] : load(ListStock, order);
  const { results, states } = await watched(quotes);
  return { quotes: results, others: await others, states };
}

takeOrders(obey);
