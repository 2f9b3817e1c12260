// Do the books agree? Compares what the services keep with each other and with what the outside
// saw: the payment provider's ledger and the mails on disk. Holds for everything ever ordered here,
// so it may be asked at any time when nothing is under way.
import fs from 'node:fs';
import * as accounting from './accounting.mjs';
import { readBooks, withDatabase } from './books-read.mjs';

/** @import { Books, Wrong } from './accounting.mjs' */
/** @import { Rows } from './books-read.mjs' */
/** @import { Run } from '../dev/run-file.mjs' */

/**
 * The finding of one rule.
 * @typedef {object} Finding
 * @property {string} what the rule
 * @property {boolean} ok
 * @property {string} detail what was counted
 * @property {string[]} wrong a sentence each
 */

/** @typedef {Pick<Run, 'databaseUrl' | 'providerUrl' | 'mailDir'>} BookKeeping */

/** @type {[what: string, rule: (books: Books, wrong: Wrong) => string][]} */
const RULES = [
  ['every order costs what its lines cost, in every book', accounting.prices],
  ['captured − refunded = value of delivered orders, each charged in full', accounting.money],
  ["payments' book = the provider's ledger", accounting.payments],
  [
    'available + reserved + shipped = initial, and what left the stock was delivered',
    accounting.stock,
  ],
  ['a parcel was delivered for every delivered order, and for no other', accounting.parcels],
  ['every saga ended as its order did', accounting.stages],
];

/**
 * [{ what, ok, detail, wrong }]: `wrong` says what was found, one sentence each
 * @param {BookKeeping} run
 * @returns {Promise<Finding[]>}
 */
export function reconcile(run) {
  return withDatabase(run, async (rows) => {
    const books = await readBooks(rows, run);
    return [
      ...RULES.map(([what, rule]) => judged(what, rule, books)),
      mails(books, run),
      await leftOver(rows),
      await durability(rows),
    ];
  });
}

/**
 * @param {string} what
 * @param {(books: Books, wrong: Wrong) => string} rule
 * @param {Books} books
 * @returns {Finding}
 */
function judged(what, rule, books) {
  /** @type {string[]} */
  const wrong = [];
  const detail = rule(books, (sentence) => wrong.push(sentence));
  return { what, ok: wrong.length === 0, detail, wrong };
}

/**
 * @param {Books} books
 * @param {BookKeeping} run
 * @returns {Finding}
 */
function mails(books, { mailDir }) {
  const what = 'one mail an order, with its number and amount';
  if (!mailDir) return { what, ok: true, detail: 'mails go to a server; not counted', wrong: [] };
  const isFile = fs.statSync(mailDir, { throwIfNoEntry: false })?.isDirectory() === false;
  return isFile
    ? { what, ok: false, detail: `${mailDir} is a file, not a folder of mails`, wrong: [] }
    : judged(what, accounting.mails, books);
}

/**
 * @param {Rows} rows
 * @returns {Promise<Finding>}
 */
async function leftOver(rows) {
  /** @type {Record<string, number>[]} */
  const [left = {}] = await rows(LEFT);
  return {
    what: 'nothing is left in an outbox or queue',
    ok: Object.values(left).every((count) => count === 0),
    detail: Object.entries(left)
      .map(([name, count]) => `${name} ${count}`)
      .join(', '),
    wrong: [],
  };
}

const LEFT = `select (select count(*)::int from orders.order_view where finished_at is null) as orders, (select count(*)::int from parley.outbox) as outbox,
  (select count(*)::int from parley.message) as queued, (select count(*)::int from parley.later) as delayed, (select count(*)::int from parley.parked) as parked,
  (select count(*)::int from parley.dead) as dead,
  (select coalesce(sum(head.next - p.pos), 0)::int from parley.event_position p join parley.event_head head using (part)) as lag`;

/**
 * @param {Rows} rows
 * @returns {Promise<Finding>}
 */
async function durability(rows) {
  const settings = await rows(
    `select name, setting from pg_settings where name in ('fsync', 'synchronous_commit') order by name`,
  );
  return {
    what: 'PostgreSQL waits for the disk',
    ok: settings.every(({ setting }) => setting === 'on'),
    detail: settings.map(({ name, setting }) => `${name} ${setting}`).join(', '),
    wrong: [],
  };
}

/**
 * True when it is worth reading all the books: they cannot agree while something is under way.
 * @param {BookKeeping} run
 */
async function isQuiet(run) {
  const { ok } = await withDatabase(run, leftOver);
  return ok;
}

/**
 * Asks again until the books agree or time is up: positions follow lazily, and mails are the last
 * to be written.
 * @param {number} milliseconds
 * @param {BookKeeping} run
 * @returns {Promise<Finding[]>}
 */
export async function reconciled(milliseconds, run) {
  for (
    const end = performance.now() + milliseconds;
    ;
    await new Promise((resolve) => setTimeout(resolve, 500))
  ) {
    const late = performance.now() > end;
    if (!late && !(await isQuiet(run))) continue;
    const findings = await reconcile(run);
    if (late || findings.every(({ ok }) => ok)) return findings;
  }
}

const MOST_SHOWN = 5;

/**
 * A line a finding; below one that does not hold, what is wrong.
 * @param {Finding[]} findings
 */
export function findingsTable(findings) {
  return findings
    .flatMap(({ what, ok, detail, wrong }) => [
      `${ok ? '✓' : '✗'} ${what}: ${detail}`,
      ...wrong.slice(0, MOST_SHOWN).map((sentence) => `    ${sentence}`),
      ...(wrong.length > MOST_SHOWN ? [`    … and ${wrong.length - MOST_SHOWN} more`] : []),
    ])
    .join('\n');
}
