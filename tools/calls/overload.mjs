// npm run overload: a caller and two services in processes of their own, over gRPC; one service
// hangs, fails each second call, and is asked three times as often as it can answer. Checks that calls
// fail well, and prints the numbers of docs/resilience.md; --write puts them and the plots there.
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from '../build/build.mjs';
import { commandLine } from '../terminal/command-line.mjs';
import { system } from './overload-system.mjs';
import { plot } from './plot.mjs';

/** @typedef {{ at: number, took: number, outcome: string }} Result */
/** @typedef {{ what: string, found: string, isGood: boolean }} Finding */

process.chdir(path.resolve(import.meta.dirname, '../..'));

const HELP = `npm run overload [-- options]    what calls do while a service hangs, fails or is overloaded (about 3 minutes)
  --write    the numbers and the plots into docs/resilience.md
  --help`;
const OUT = '.data/overload/dist';
const PAGE = 'docs/resilience.md';
const PLOTS = 'docs/plots';
const DEADLINE_MS = 1_000;
/** Requests for each call to a service that fails half of them. */
const MOST_ASKED = 1.2;
/** The share of its good replies that an overloaded service still gives. */
const LEAST_SERVED = 0.8;
/** Milliseconds by which a timer of a busy machine may be late. */
const TIMERS_MS = 250;
/** Growth of the heap of a young process, which is not that of a leak. */
const MEMORY_BYTES = 64 * 2 ** 20;

const { values } = commandLine(HELP, { options: { write: { type: 'boolean' } } });
await build(OUT);
/** @type {Finding[]} */
const findings = [];
const note = (
  /** @type {string} */ what,
  /** @type {string} */ found,
  /** @type {boolean} */ isGood,
) => {
  findings.push({ what, found, isGood });
  console.log(`${isGood ? '✓' : '✗'} ${what}: ${found}`);
};
/** @type {Readonly<Record<string, string>>} */
const pictures = { 'hang.svg': await hang(), 'overload.svg': await overload() };
await failHalf();
if (values.write) write();
process.exit(findings.every(({ isGood }) => isGood) ? 0 : 1);

/** @param {Result[]} results */
function ok(results) {
  return results.filter(({ outcome }) => outcome === 'ok');
}

/** @param {Result[]} results @param {number} share */
function quantile(results, share) {
  const took = results.map((result) => result.took).sort((one, other) => one - other);
  return took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0;
}

/** @param {Result[]} results @returns {[number, number][]} */
function eachSecond(results) {
  const seconds = Math.ceil(Math.max(...results.map(({ at }) => at)) / 1000);
  return Array.from({ length: seconds }, (_, second) => [
    second,
    results.filter(({ at }) => Math.floor(at / 1000) === second).length,
  ]);
}

/** One of the two services stands still for ten of thirty seconds. */
async function hang() {
  const shop = await system(OUT);
  await shop.load({ perSecond: 20, seconds: 3 });
  const loading = shop.load({ perSecond: 40, seconds: 30 });
  await sleep(8_000);
  process.kill(Number(shop.catalog.pid), 'SIGSTOP');
  await sleep(10_000);
  process.kill(Number(shop.catalog.pid), 'SIGCONT');
  const { quotes, others, states } = await loading;
  shop.close();
  const p99 = quantile(quotes, 0.99);
  note(
    `a service hangs: p99 of the calls to it, deadline ${DEADLINE_MS} ms`,
    `${p99.toFixed(0)} ms`,
    p99 <= DEADLINE_MS + TIMERS_MS,
  );
  const served = ok(others).length / others.length;
  note(
    'calls to the other service that succeeded',
    `${(served * 100).toFixed(1)} %`,
    served >= 0.99,
  );
  const opened = states.find(
    (/** @type {{ circuit: string }} */ { circuit }) => circuit !== 'closed',
  );
  const closed = states.findLast(
    (/** @type {{ circuit: string }} */ { circuit }) => circuit !== 'closed',
  );
  const isClosed = states.at(-1)?.circuit === 'closed';
  note(
    'the circuit opened after the hang began, and closed by itself after it ended',
    opened && closed
      ? `${seconds(opened.at - 8_000)}, ${seconds(closed.at - 18_000)}`
      : 'it did not open',
    Boolean(opened) && isClosed,
  );
  const [before, after] = [states[10]?.rss ?? 0, states.at(-1)?.rss ?? 0];
  note(
    'memory of the caller before and after',
    `${mib(before)}, ${mib(after)}`,
    after < before + MEMORY_BYTES,
  );
  return plot('one service hangs from second 8 to 18: good replies each second', [
    { name: 'the one that hangs', points: eachSecond(ok(quotes)) },
    { name: 'the other one', points: eachSecond(ok(others)) },
  ]);
}

/** One of the two services fails half of the calls, which are idempotent. */
async function failHalf() {
  const shop = await system(OUT);
  const order = { perSecond: 50, isOnlyCatalog: true };
  await shop.load({ ...order, seconds: 3 });
  await shop.fail(true);
  await shop.load({ ...order, seconds: 10 }); // retries that were saved up are spent
  const before = await shop.fail(true);
  const { quotes } = await shop.load({ ...order, seconds: 20 });
  const requests = (await shop.fail(false)) - before;
  shop.close();
  note(
    'a service fails half of the calls: requests to it for each call',
    (requests / quotes.length).toFixed(2),
    requests <= quotes.length * MOST_ASKED,
  );
  const answered = ok(quotes).length / quotes.length;
  note('calls that succeeded all the same', `${(answered * 100).toFixed(0)} %`, answered > 0.55);
}

/** A service that answers about 100 calls a second is asked 100, then 300 times a second. */
async function overload() {
  const shop = await system(OUT);
  const bare = await system(OUT, 'off');
  const order = { perSecond: 100, isOnlyCatalog: true };
  await shop.load({ ...order, perSecond: 20, seconds: 3 });
  const able = rate(await shop.load({ ...order, seconds: 10 }), 10);
  const flood = { ...order, perSecond: 300, seconds: 20 };
  const withPolicies = await shop.load(flood);
  shop.close();
  await bare.load({ ...order, perSecond: 20, seconds: 3 });
  const without = await bare.load(flood);
  bare.close();
  const served = rate(withPolicies, 20);
  note(
    `a service is asked three times as often as it can answer: good replies a second, of ${able.toFixed(0)}`,
    served.toFixed(0),
    served >= able * LEAST_SERVED,
  );
  note('the same without the policies', rate(without, 20).toFixed(0), true);
  return plot('three times the load that a service can answer: good replies each second', [
    { name: 'with the policies', points: eachSecond(ok(withPolicies.quotes)) },
    { name: 'without', points: eachSecond(ok(without.quotes)) },
  ]);
}

/** @param {{ quotes: Result[] }} load @param {number} seconds */
function rate({ quotes }, seconds) {
  return ok(quotes).length / seconds;
}

function seconds(/** @type {number} */ milliseconds) {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

function mib(/** @type {number} */ bytes) {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

function write() {
  fs.mkdirSync(PLOTS, { recursive: true });
  for (const [name, picture] of Object.entries(pictures))
    fs.writeFileSync(path.join(PLOTS, name), picture);
  const rows = findings.map(({ what, found }) => `| ${what} | ${found} |`);
  const text = ['| `npm run overload` | seen |', '|---|--:|', ...rows].join('\n');
  const page = fs.readFileSync(PAGE, 'utf8');
  const [begin, end] = [
    '<!-- overload: written by npm run overload -- --write -->',
    '<!-- /overload -->',
  ];
  const [head, rest = ''] = page.split(begin);
  const tail = rest.split(end)[1] ?? '';
  fs.writeFileSync(PAGE, `${head}${begin}\n${text}\n${end}${tail}`);
}
