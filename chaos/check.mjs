// The judge: compares the records of clients, services, provider and mails with the invariants. A
// pure function over a record, so that any run can be judged again: node chaos/check.mjs FOLDER
import fs from 'node:fs';
import path from 'node:path';
import * as accounting from '../tools/shop/accounting.mjs';
import { acknowledged, asShown, followed, hostile } from './customer-rules.mjs';
import {
  amounts,
  judgeUndoing,
  ONCE,
  projections,
  sagaPaths,
  steps,
  told,
} from './event-rules.mjs';
import { readHistory } from './history.mjs';
import { bit, clock, deadLetters, emptied, pace, terminal } from './run-rules.mjs';

/** @import { Evidence, Finding, Rule, Wrong } from './record.mjs' */

const { by, grouped } = accounting;
/**
 * A rule of `npm run books`, for a record.
 * @param {(books: accounting.Books, wrong: Wrong) => string | void} rule
 * @returns {Rule}
 */
const books =
  (rule) =>
  ({ sinks }, wrong) =>
    rule(sinks, wrong);

/**
 * By invariant: its sentence, and its rules. The first rule returns the counts that are shown.
 * @type {Readonly<Record<string, [what: string, ...rules: Rule[]]>>}
 */
const CHECKS = {
  I1: [
    'every acknowledged order exists, one per key, and no order that was not asked for',
    acknowledged,
  ],
  I2: [
    'price × quantity = total = charge, in every book; captured − refunded = value of the delivered orders',
    books(accounting.money),
    books(accounting.prices),
    books(accounting.payments),
    asShown,
    amounts,
  ],
  I3: [
    'stock: available + reserved + shipped = initial; each order got its own pieces, and its parcel',
    books(accounting.stock),
    books(accounting.parcels),
  ],
  I4: ['at most one charge, shipment and mail an order', once],
  I5: [
    'every saga ended as its order did; steps were undone in reverse order',
    sagas,
    books(accounting.stages),
    sagaPaths,
  ],
  I6: ['all at rest after healing, never stuck on the way', terminal],
  I7: ['outboxes, queues, timers and logs are empty', emptied],
  I8: ['projections = their events, line by line', projections],
  I9: ['every dead letter was injected, and every injected message is one', deadLetters],
  I10: ['orders that a fault does not concern keep their pace', pace],
  steps: ['reserved → paid → shipped → delivered, none before the one it needs', steps],
  mails: [
    'one mail an order, to its customer, with its number and amount',
    books(accounting.mails),
  ],
  followed: [
    'a customer who follows an order live sees every stage in order, and the end',
    followed,
  ],
  clock: ['a process whose clock is wrong, or jumps, goes on working', clock],
  hostile: ['hostile requests were refused', hostile],
  bit: ['every fault bit', bit],
};

/**
 * @param {Evidence} record
 * @returns {Finding[]}
 */
export function check(record) {
  return Object.entries(CHECKS).map(([id, [what, ...rules]]) => {
    /** @type {string[]} */
    const wrong = [];
    const [detail] = rules.map((rule) => rule(record, (sentence) => wrong.push(sentence)));
    return { id, what, ok: wrong.length === 0, detail, wrong };
  });
}

/** @type {Rule} */
function once({ sinks }, wrong) {
  /**
   * @template T
   * @param {T[]} rows
   * @param {(row: T) => string | undefined} keyOf
   * @param {string} what
   */
  const twice = (rows, keyOf, what) => {
    for (const [key, group] of grouped(rows, keyOf))
      if (group.length > 1) wrong(`${group.length} × ${what} of ${key}`);
  };
  /** @param {{ key: string }} entry */
  const order = ({ key }) => key.split(':')[0];
  twice(
    sinks.ledger.filter(({ kind, status }) => kind === 'charge' && status === 'captured'),
    order,
    'charge',
  );
  twice(
    sinks.ledger.filter(({ kind }) => kind === 'refund'),
    order,
    'refund',
  );
  twice(sinks.parcels, (parcel) => parcel.order_id, 'parcel');
  twice(sinks.mails, (mail) => mail.order ?? mail.file, 'mail');
  twice(
    sinks.events.filter(({ contract }) => ONCE.includes(contract)),
    ({ contract, key }) => `${contract} ${key}`,
    'event',
  );
  return `${sinks.ledger.length} ledger entries, ${sinks.parcels.length} parcels, ${sinks.mails.length} mails`;
}

/** @type {Rule} */
function sagas({ sinks }, wrong) {
  const found = by(sinks.sagas, 'key');
  const log = told(sinks);
  let undone = 0;
  for (const { order_id: order } of sinks.orders) {
    const saga = found.get(order);
    if (!saga) wrong(`${order} has no saga`);
    else if (!saga.ended_at) wrong(`the saga of ${order} stands at ${saga.stage}`);
    undone += judgeUndoing(order, log.get(order) ?? [], wrong);
  }
  return `${sinks.sagas.length} sagas, ${undone} undone`;
}

/**
 * @param {string} folder
 * @returns {Evidence}
 */
export function readRecord(folder) {
  /** @param {string} name */
  const json = (name) => JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8'));
  return {
    history: readHistory(path.join(folder, 'history.jsonl')),
    faults: readHistory(path.join(folder, 'faults.jsonl')),
    sinks: json('sinks.json'),
    ...json('run.json'),
  };
}

/**
 * @param {readonly Finding[]} findings
 * @param {number} [most] sentences of each
 */
export function verdictTable(findings, most = 5) {
  const width = Math.max(...findings.map(({ what }) => what.length));
  return findings
    .flatMap(({ id, what, ok, detail, wrong }) => [
      `${ok ? '✓' : '✗'} ${id.padEnd(8)} ${what.padEnd(width)}  ${detail}`,
      ...wrong.slice(0, most).map((sentence) => `             ${sentence}`),
      ...(wrong.length > most ? [`             … and ${wrong.length - most} more`] : []),
    ])
    .join('\n');
}

if (process.argv[1] === import.meta.filename) {
  const findings = check(readRecord(process.argv[2] ?? '.'));
  console.log(verdictTable(findings));
  process.exitCode = findings.every(({ ok }) => ok) ? 0 : 1;
}
