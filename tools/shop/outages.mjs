// npm run outages: takes away, one after the other, what the running shop needs, asks every route
// of the edge meanwhile, and prints which statuses came. An outage is told as 503 or 504; a 500
// fails the run, and so does an outage that could not be tried.
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { asCustomer } from './customer.mjs';
import { namesOf, OUTAGES } from './outages/harm.mjs';
import { statusTable } from './outages/table.mjs';
import { failuresOf } from './outages/verdict.mjs';
import { table } from '../terminal/progress.mjs';
import { readRun } from '../dev/run-file.mjs';
import { codeOf, messageOf } from '../terminal/errors.mjs';

/** @import { Answer } from './outages/table.mjs' */

process.chdir(path.resolve(import.meta.dirname, '../..'));

const HELP = `npm run outages [-- options]    takes away what the running shop ("npm start") needs, and counts what its edge answers
  --only a,b        these only: ${Object.keys(OUTAGES).join(', ')}
                    (those of brokers need the shop on them, started with the same BROKERS_DIR and ports as this command;
                    what cannot be tried fails the run)
  --without-brokers leaves out those of brokers
  --seconds N       how long each lasts (default 8)
  --rate N          requests a second, over all routes in turn (default 20)
  --markdown        the table as docs/outages.md has it
  --help`;

const ORDER = 'query ($orderId: ID!) { order(id: $orderId) { status lines { product { name } } } }';
const PLACE_ORDER = `mutation ($key: String!, $order: NewOrderInput!) {
  placeOrder(idempotencyKey: $key, order: $order) { orderId }
}`;
/**
 * The status that REST has for a code of an error; any other code is a bug.
 * @type {Readonly<Record<string, number>>}
 */
const STATUS_OF = { unavailable: 503, 'deadline-exceeded': 504 };

const newOrder = {
  customer: {
    name: 'Olive Outage',
    email: 'olive@example.org',
    address: { line1: '1 Mill Lane', city: 'Bath', postcode: 'BA1 1AA', country: 'GB' },
  },
  lines: [{ sku: 'TEA-0001', quantity: 1 }],
  payment: { token: 'tok_ok' },
};

/** Milliseconds that a request may take: longer than the edge's longest deadline. */
const PATIENCE_MS = 9_000;
const RECOVERED_WITHIN_MS = 60_000;

const options = readOptions();
const run = () =>
  readRun() ?? fail('Parley is not running: type "npm start" in another terminal first.');
const gateway = run().gatewayUrl;
const { orderId } = JSON.parse(await place().then((response) => response.text()));
const results = [];
for (const name of options.names) results.push({ name, ...(await tried(name)) });
console.log(statusTable(results, options.markdown, table));
const failures = failuresOf(results);
if (failures.length > 0) fail(failures.join('\n'));

function routes() {
  return {
    'GET /products': () => get('/products'),
    'GET /orders': () => get('/orders?limit=5'),
    'GET /orders/:id': () => get(`/orders/${orderId}`),
    'GET …/label': () => get(`/orders/${orderId}/label`),
    'GET …/events': () => get(`/orders/${orderId}/events`),
    'GET /orders/export': () => get('/orders/export'),
    'POST /orders': place,
    'GraphQL order': () => graphql(ORDER, { orderId }),
    'GraphQL placeOrder': () => graphql(PLACE_ORDER, { key: randomUUID(), order: newOrder }),
    'GET /health/ready': () => get('/health/ready'),
  };
}

/** @param {string} url */
function get(url) {
  return fetch(`${gateway}${url}`, {
    headers: asCustomer,
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
}

function place() {
  const headers = {
    ...asCustomer,
    'content-type': 'application/json',
    'idempotency-key': randomUUID(),
  };
  return fetch(`${gateway}/orders`, {
    method: 'POST',
    headers,
    body: JSON.stringify(newOrder),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
}

/**
 * GraphQL answers an error with 200: its code says which status it has.
 * @param {string} query
 * @param {object} variables
 */
async function graphql(query, variables) {
  const response = await fetch(`${gateway}/graphql`, {
    method: 'POST',
    headers: { ...asCustomer, 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (!response.ok) return response;
  const { errors = [] } = /** @type {{ errors?: { extensions?: { code?: string } }[] }} */ (
    await response.json()
  );
  const statuses = errors.map(({ extensions }) => STATUS_OF[extensions?.code ?? ''] ?? 500);
  return new Response(null, { status: statuses.length > 0 ? Math.min(...statuses) : 200 });
}

/**
 * The outcome of one request: its status, or how it failed.
 * @param {[route: string, ask: () => Promise<Response>]} question
 * @returns {Promise<Answer>}
 */
async function asked([route, ask]) {
  const began = performance.now();
  try {
    const response = await ask();
    void response.body?.cancel();
    return { route, status: response.status, took: performance.now() - began };
  } catch (error) {
    return {
      route,
      status: failureOf(error),
      took: performance.now() - began,
    };
  }
}

/** @param {unknown} error */
function failureOf(error) {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'no answer';
  return codeOf(error.cause) ?? error.name;
}

/** At an even pace until it is told to stop; resolves when the last one is answered. */
function asking() {
  const all = Object.entries(routes());
  /** @type {Promise<Answer>[]} */
  const answers = [];
  let turn = 0;
  const ask = () => {
    const question = all[turn++ % all.length];
    if (question) answers.push(asked(question));
  };
  const timer = setInterval(ask, 1000 / options.rate);
  return { stop: () => (clearInterval(timer), Promise.all(answers)) };
}

/** @param {string} name */
async function tried(name) {
  const outage = OUTAGES[name];
  if (!outage) throw new Error(`There is no outage "${name}".`);
  const { begin, skip } = outage;
  const why = skip?.(run());
  if (why) return { during: [], untried: why };
  console.log(`${name} …`);
  const questions = asking();
  await sleep(500);
  const end = await begin(run());
  await sleep(options.seconds * 1000);
  await end();
  const ended = performance.now();
  await sleep(1_000);
  const during = await questions.stop();
  const recovered = await recoveredAfter(ended);
  return { during, recovered };
}

/**
 * Resolves when every route answers as in good times.
 * @param {number} ended
 */
async function recoveredAfter(ended) {
  while (performance.now() - ended < RECOVERED_WITHIN_MS) {
    const answers = await Promise.all(Object.entries(routes()).map(asked));
    if (answers.every(({ status }) => Number(status) < 300 || status === 404))
      return `${((performance.now() - ended) / 1000).toFixed(1)} s`;
    await sleep(200);
  }
  return `not within ${RECOVERED_WITHIN_MS / 1000} s`;
}

function readOptions() {
  /** @param {string} of */
  const text = (of) => /** @type {const} */ ({ type: 'string', default: of });
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string' },
        'without-brokers': { type: 'boolean' },
        seconds: text('8'),
        rate: text('20'),
        markdown: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
    if (values.help) {
      console.log(HELP);
      process.exit(0);
    }
    const names = namesOf({ only: values.only, withoutBrokers: values['without-brokers'] });
    for (const name of /** @type {const} */ (['seconds', 'rate']))
      if (!/^[1-9]\d{0,2}$/.test(values[name]))
        throw new Error(
          `--${name} is "${values[name]}", but must be a whole number from 1 to 999.`,
        );
    return {
      names,
      seconds: Number(values.seconds),
      rate: Number(values.rate),
      markdown: values.markdown,
    };
  } catch (error) {
    return fail(`${messageOf(error)}\n\n${HELP}`);
  }
}

/**
 * @param {string} why
 * @returns {never}
 */
function fail(why) {
  console.error(why);
  process.exit(1);
}
