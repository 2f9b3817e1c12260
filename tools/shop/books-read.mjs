// The books as they are kept: each service's own, the payment provider's ledger, and the mails on
// disk.
import pg from 'pg';
import { readJson } from './http-json.mjs';
import { readMails } from './mails.mjs';

/** @import { Books } from './accounting.mjs' */
/** @import { Run } from '../dev/run-file.mjs' */

/**
 * The rows of a query, of the type that its reader says.
 * @typedef {<T extends import('pg').QueryResultRow>(sql: string) => Promise<T[]>} Rows
 */

/**
 * @template T
 * @param {Pick<Run, 'databaseUrl'>} run
 * @param {(rows: Rows) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withDatabase(run, work) {
  const client = new pg.Client({
    connectionString: run.databaseUrl,
    connectionTimeoutMillis: 5000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(async (sql) => (await client.query(sql)).rows);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/**
 * @param {Rows} rows a query → its rows
 * @param {Pick<Run, 'providerUrl' | 'mailDir'>} run `mailDir` unless mails go to a server
 * @returns {Promise<Books>}
 */
export async function readBooks(rows, run) {
  const { entries } = await readJson(`${run.providerUrl}/ledger?entries=true`);
  return {
    ledger: entries,
    mails: readMails(run.mailDir),
    orders: await rows(
      `select order_id, idempotency_key, lines, total, customer ->> 'email' as email from orders.orders`,
    ),
    views: await rows(
      'select order_id, status, total, lines, history, placed_at, finished_at from orders.order_view',
    ),
    sagas: await rows('select key, stage, ended_at, history from orders.saga'),
    stock: await rows('select sku, initial, available, reserved, shipped from inventory.stock'),
    reservations: await rows('select order_id, status, lines from inventory.reservation'),
    payments: await rows('select order_id, status, amount, reference from payments.payment'),
    parcels: await rows('select order_id, status, tracking_number from shipping.parcel'),
    figures: await rows('select order_id, total, outcome, mails from insights.order_fact'),
  };
}
