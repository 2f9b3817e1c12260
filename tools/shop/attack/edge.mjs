// The edge of a shop, as its clients ask it.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';

/** @import { IncomingMessage } from 'node:http' */

/** @typedef {Record<string, string>} Headers */
/** @typedef {{ status: number, took: number, text: string }} Answer */

const PATIENCE_MS = 30_000;
const PLACED_WITHIN_MS = 60_000;

const ORDER = {
  customer: {
    name: 'Gus',
    email: 'gus@example.org',
    address: { line1: '1 Mill Lane', city: 'Bath', postcode: 'BA1 1AA', country: 'GB' },
  },
  lines: [{ sku: 'TEA-0001', quantity: 1 }],
  payment: { token: 'tok_ok' },
};

export class Edge {
  #agent = new http.Agent({ keepAlive: true, maxSockets: 200 });

  /** @param {string} url */
  constructor(url) {
    this.url = url;
  }

  get port() {
    return Number(new URL(this.url).port);
  }

  /**
   * @param {string} path
   * @param {Headers} [headers]
   * @param {{ method?: string, body?: unknown }} [options]
   * @returns {Promise<Answer>}
   */
  async ask(path, headers = {}, { method = 'GET', body } = {}) {
    const began = performance.now();
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const asked = http.request(`${this.url}${path}`, {
      method,
      agent: this.#agent,
      headers: sent === undefined ? headers : { 'content-type': 'application/json', ...headers },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    asked.on('error', () => undefined).end(sent); // `once` rejects with it
    const [response] = /** @type {[IncomingMessage]} */ (await once(asked, 'response'));
    response.on('error', () => undefined); // `text` rejects with it
    const status = response.statusCode ?? 0;
    if (response.headers['content-type']?.startsWith('text/event-stream')) {
      response.destroy(); // a stream does not end by itself
      return { status, took: performance.now() - began, text: '' };
    }
    return { status, text: await text(response), took: performance.now() - began };
  }

  /**
   * @param {string} query
   * @param {object} variables
   * @param {Headers} [headers]
   */
  async graphql(query, variables, headers) {
    const body = { query, variables };
    const { text } = await this.ask('/graphql', headers, { method: 'POST', body });
    return /** @type {{ data?: Record<string, unknown> | null, errors?: { extensions?: { code?: string } }[] }} */ (
      JSON.parse(text)
    );
  }

  /** @param {Headers} [headers] @param {string} [key] */
  order(headers, key = randomUUID()) {
    const own = { 'idempotency-key': key, ...headers };
    return this.ask('/orders', own, { method: 'POST', body: ORDER });
  }

  /**
   * Places an order; asks again, under the same key, while a busy machine has no time for it.
   * @param {Headers} [headers]
   * @returns {Promise<{ orderId: string, guest?: { token: string } }>}
   */
  async placed(headers) {
    const [key, began] = [randomUUID(), performance.now()];
    let { status, text } = await this.order(headers, key);
    while ((status === 503 || status === 504) && performance.now() - began < PLACED_WITHIN_MS)
      ({ status, text } = await this.order(headers, key));
    if (status !== 202) throw new Error(`an order was answered ${status}: ${text}`);
    return JSON.parse(text);
  }

  /**
   * Follows an order by server-sent events; resolves when the first one is there.
   * @param {string} orderId
   * @param {Headers} headers
   */
  async follow(orderId, headers) {
    const asked = http.get(`${this.url}/orders/${orderId}/events`, {
      agent: false,
      headers: { accept: 'text/event-stream', ...headers },
    });
    const [response] = /** @type {[IncomingMessage]} */ (await once(asked, 'response'));
    if (response.statusCode !== 200)
      throw new Error(`a stream was answered ${response.statusCode}`);
    await once(response, 'data');
    response.resume().on('error', () => undefined); // when it is closed here
    return response;
  }

  close() {
    this.#agent.destroy();
  }
}
