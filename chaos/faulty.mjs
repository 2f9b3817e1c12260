// The faulty build of a run: edits of its copy by which the handler of one order does harm, and a
// shorter lease, so that a run takes less time.
import fs from 'node:fs';
import path from 'node:path';

export const LEASE_SECONDS = 10;
export const PAYMENTS = ['payments-1', 'payments-2'];
/**
 * By fault: the card that makes the faulty build do harm.
 * @type {Readonly<Record<string, string>>}
 */
export const CARDS = { F20: 'tok_hangs', F21: 'tok_exits', F22: 'tok_blocks' };

/** @param {string} fault */
export function cardOf(fault) {
  const card = CARDS[fault];
  if (!card) throw new Error(`${fault} has no card`);
  return card;
}

export const FAULTY_EDITS = [
  {
    file: 'libs/parley/transports/postgres/src/queue/queue-consumer.ts',
    from: 'const LEASE_MS = 30_000;',
    to: `const LEASE_MS = ${LEASE_SECONDS}_000;`,
  },
  {
    file: 'apps/payments/src/payment.controller.ts',
    from: "@Handles(ChargePayment, { transaction: 'own' })",
    to: "@Handles(ChargePayment, { transaction: 'own', timeout: '5s', retry: { immediate: 1, delays: ['1s'] } })",
  },
];

/**
 * @param {string} dir
 * @param {string} file
 */
const loading = (dir, file) => ({
  NODE_OPTIONS: `--require ${path.join(dir, 'chaos/faulty', file)}`,
});

/** @param {string} dir */
export const slowInventory = (dir) => loading(dir, 'inventory.cjs');
/** @param {string} dir */
export const faultyPayments = (dir) => ({
  ...loading(dir, 'payments.cjs'),
  PARLEY_CHAOS_BLOCK_MS: String(1.5 * LEASE_SECONDS * 1000),
});

/**
 * The build does harm at that card, also when it was repaired before, and counts from zero.
 * @param {string} dir
 * @param {string} card
 */
export function spoil(dir, card) {
  for (const ending of ['repaired', 'done'])
    fs.rmSync(path.join(dir, '.data', `${card}.${ending}`), { force: true });
}

/**
 * Number of times the handler of that order was entered.
 * @param {string} dir
 * @param {string} card
 */
export function harmDone(dir, card) {
  const file = path.join(dir, '.data', `${card}.done`);
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').filter(Boolean).length : 0;
}

/**
 * @param {string} dir
 * @param {string} card
 */
export const repair = (dir, card) =>
  fs.writeFileSync(path.join(dir, '.data', `${card}.repaired`), '');
