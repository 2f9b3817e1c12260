// npm run order: places one order and draws its way through the services while it happens.
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { paint } from '../terminal/colours.mjs';
import { asCustomer } from './customer.mjs';
import { messageOf } from '../terminal/errors.mjs';
import { readJson } from './http-json.mjs';
import { asOperator } from '../dev/operations-token.mjs';
import { NO_GATEWAY, NOT_RUNNING, readRun } from '../dev/run-file.mjs';

/**
 * A message on its way, as a service remembers it.
 * @typedef {object} Hop
 * @property {'call' | 'command' | 'event' | 'broadcast'} kind
 * @property {string} messageId
 * @property {string} contract
 * @property {string} from
 * @property {string} to
 * @property {string} said a time
 * @property {number} waited in milliseconds
 * @property {number} took in milliseconds
 * @property {string} outcome
 * @property {number} tries
 */

/**
 * @typedef {object} ShownOrder
 * @property {string} status
 * @property {number} total
 * @property {import('./accounting.mjs').HistoryLine[]} history
 */

process.chdir(path.resolve(import.meta.dirname, '../..'));

const HELP = `npm run order -- [options]
  --sku SKU[=N]     what to order, as often as you like (default: one product of the catalogue)
  --token T         tok_ok (default), tok_slow, tok_flaky, tok_declined, tok_unknown
  --country CC      where to (default GB; AQ cannot be shipped to)
  --watch           show broadcasts as well
  --help
CUSTOMER_TOKEN in the environment: whose order it is, where the edge asks for that; without it, a guest's`;

const PATIENCE_MS = 180_000;
/** After the final state: mails and figures follow by themselves. */
const EPILOGUE_MS = 1_500;
const ARROWS = {
  call: '──call──▶',
  command: '─command▶',
  event: '═event══▶',
  broadcast: '··cast··▶',
};
/** @type {Record<Hop['kind'], Parameters<typeof paint>[0]>} */
const COLOURS = { call: 'cyan', command: 'yellow', event: 'green', broadcast: 'magenta' };

const options = readOptions();
const run = readRun() ?? fail(NOT_RUNNING);
const gateway = process.env.GATEWAY_URL ?? run.gatewayUrl ?? fail(NO_GATEWAY);

const lines = await linesOf(options.sku);
const { orderId, conversation, asOwner } = await place();
console.log(`order ${orderId}\n`);
/** @type {Set<string>} */
const seen = new Set();
/** Times of messages are those of the services' clocks. */
const placedAt = Date.now();
const began = performance.now();
/** @type {ShownOrder | undefined} */
let order;
do {
  await sleep(100);
  order = await readJson(`${gateway}/orders/${orderId}`, { headers: asOwner }).catch(() => order);
  await draw();
} while (!isOver(order) && performance.now() - began < PATIENCE_MS);
for (const until = performance.now() + EPILOGUE_MS; performance.now() < until; await sleep(200))
  await draw();
summarise();

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        sku: { type: 'string', multiple: true },
        token: { type: 'string', default: 'tok_ok' },
        country: { type: 'string', default: 'GB' },
        watch: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
    if (!values.help) return values;
    console.log(HELP);
    return process.exit(0);
  } catch (error) {
    return fail(`${messageOf(error)}\n\n${HELP}`);
  }
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(message);
  process.exit(1);
}

/** @param {string[] | undefined} wanted */
async function linesOf(wanted) {
  if (wanted)
    return wanted
      .map((text) => text.split('='))
      .map(([sku, quantity = '1']) => ({ sku, quantity: Number(quantity) }));
  const { products } = await readJson(`${gateway}/products`).catch((error) =>
    fail(`The gateway at ${gateway} does not answer: ${error.message}`),
  );
  return [{ sku: products[Date.now() % products.length].sku, quantity: 1 }];
}

async function place() {
  const address = {
    line1: '1 Mill Lane',
    city: 'Bath',
    postcode: 'BA1 1AA',
    country: options.country,
  };
  const body = {
    customer: { name: 'Ada Byron', email: 'ada@example.org', address },
    lines,
    payment: { token: options.token },
  };
  const response = await fetch(`${gateway}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID(), ...asCustomer },
    body: JSON.stringify(body),
  });
  /** @type {{ orderId: string, guest?: { token: string }, title?: string, errors?: { field: string, message: string }[] }} */
  const answer = JSON.parse(await response.text());
  if (response.status !== 202)
    fail(
      `The order was refused: ${answer.title}${(answer.errors ?? []).map(({ field, message }) => `\n  ${field}: ${message}`).join('')}`,
    );
  return {
    orderId: answer.orderId,
    conversation: response.headers.get('x-correlation-id'),
    asOwner: answer.guest ? { authorization: `Bearer ${answer.guest.token}` } : asCustomer,
  };
}

async function draw() {
  const urls = Object.values(run.instances)
    .filter(({ service }) => service !== 'payment-provider')
    .map(({ operationsUrl }) => operationsUrl);
  const told = await Promise.all(
    urls.map((url) =>
      readJson(`${url}/operations/conversations/${conversation}`, {
        headers: asOperator(run),
      }).catch(() => []),
    ),
  );
  const turns = told.flat().filter(({ kind }) => options.watch || kind !== 'broadcast');
  for (const turn of turns.sort((a, b) => (a.said < b.said ? -1 : 1))) {
    const id = `${turn.messageId} ${turn.to} ${turn.outcome}`;
    if (!seen.has(id)) console.log(lineOf(turn));
    seen.add(id);
  }
}

/** @param {Hop} hop */
function lineOf({ kind, contract, from, to, said, waited, took, outcome, tries }) {
  const at = `${((Date.parse(said) - placedAt) / 1000).toFixed(2)} s`.padStart(8);
  const how = outcome === 'done' || outcome === 'ok' ? '' : paint('red', `  ${outcome}`);
  const again = tries > 1 ? paint('red', `  ${tries} tries`) : '';
  const time = paint(
    'grey',
    `${Math.round(took)} ms${waited >= 1 ? `, waited ${Math.round(waited)}` : ''}`,
  );
  return `${at}  ${from.padEnd(13)} ${paint(COLOURS[kind], ARROWS[kind])} ${to.padEnd(22)} ${contract.padEnd(34)} ${time}${again}${how}`;
}

/** @param {ShownOrder | undefined} found */
function isOver(found) {
  return found?.status === 'delivered' || found?.status === 'rejected';
}

function summarise() {
  if (!order) fail('The order was taken, but the gateway never showed it.');
  const [first, last] = [order.history.at(0), order.history.at(-1)];
  const took = first && last ? Date.parse(last.at) - Date.parse(first.at) : 0;
  const status = paint(order.status === 'delivered' ? 'green' : 'red', order.status);
  console.log(
    `\n${status} after ${(took / 1000).toFixed(2)} s, €${(order.total / 100).toFixed(2)}`,
  );
  for (const { at, what, by } of order.history)
    console.log(`  ${at.slice(11, 23)}  ${by.padEnd(13)} ${what}`);
  process.exit(isOver(order) ? 0 : 1);
}
