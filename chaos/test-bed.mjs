// The object of the faults: the shop, its customers, and its database.
import pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';

/** @import { QueryResultRow } from 'pg' */
/** @import { Customers } from './client.mjs' */
/** @import { Until } from './record.mjs' */
/** @import { Shop } from './shop.mjs' */
/** @import { SilentProxy } from './silent-proxy.mjs' */

/** Longest wait for a process, on a busy machine. */
export const PATIENCE_MS = 90_000;

export class TestBed {
  /**
   * @param {object} options
   * @param {Shop} options.shop
   * @param {Customers} options.customers
   * @param {() => Promise<unknown>} options.afterStart called after a cold start
   * @param {SilentProxy} [options.proxy] where a connection falls silent
   */
  constructor({ shop, customers, afterStart, proxy }) {
    this.shop = shop;
    this.customers = customers;
    this.afterStart = afterStart;
    this.proxy = proxy;
  }

  /** @type {Until} */
  async until(milliseconds, isSo, every) {
    for (
      const until = performance.now() + milliseconds;
      performance.now() < until;
      await sleep(every)
    )
      if (await isSo()) return true;
    return false;
  }

  /**
   * Makes the payment provider slow, or lets it fail.
   * @param {{ delayMs: number, down?: boolean }} body
   */
  async provider(body) {
    const ask = () =>
      fetch(`${this.shop.launched().providerUrl}/admin`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(3000),
      });
    await ask()
      .catch(() => sleep(1000).then(ask))
      .catch(() => undefined);
  }

  /**
   * @param {string} sql
   * @param {unknown[]} [values]
   * @returns {Promise<number>} its column `count`
   */
  async count(sql, values) {
    return Number((await this.row(sql, values))['count']);
  }

  /**
   * The first row.
   * @template {QueryResultRow} T
   * @param {string} sql
   * @param {unknown[]} [values]
   * @returns {Promise<T>}
   */
  async row(sql, values) {
    /** @type {T[]} */
    const [row] = await this.query(sql, values);
    if (!row) throw new Error(`no row: ${sql}`);
    return row;
  }

  /**
   * @template {QueryResultRow} T
   * @param {string} sql
   * @param {unknown[]} [values]
   * @returns {Promise<T[]>}
   */
  async query(sql, values) {
    const client = new pg.Client({
      connectionString: this.shop.launched().databaseUrl,
      connectionTimeoutMillis: 5000,
    });
    client.on('error', () => undefined); // a killed server: the query fails, too
    try {
      await client.connect();
      return (await client.query(sql, values)).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}
