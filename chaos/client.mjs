// Customers: place orders at a steady rate, each under a key of its own, and try again under the
// same key until they know. Every attempt is recorded as `invoke` and then `ok`, `fail` (surely not
// taken) or `unknown`.
import { setTimeout as sleep } from 'node:timers/promises';
import { follow } from './follower.mjs';
import { hostileRequest } from './hostile.mjs';
import { randomOf } from './random.mjs';
import { codeOf } from '../tools/terminal/errors.mjs';

/** @import { History } from './history.mjs' */
/** @import { NewOrder } from './hostile.mjs' */

/** @typedef {{ sku: string, price: number }} Product */

/**
 * The outcome of an attempt, as the customer knows it. With `unknown` the order may have been
 * taken.
 * @typedef {{ type: 'ok' | 'fail' | 'unknown', orderId?: string, why?: string }} Outcome
 */

/** @typedef {[line1: string, city: string, postcode: string, country: string]} Address */

const ANSWER_WITHIN_MS = 8000;
const PAUSE_MS = 700;
const MOST_UNDER_WAY = 150;
const PACE_OVER_MS = 8000;
const TOKENS = [
  ...Array(80).fill('tok_ok'),
  ...Array(7).fill('tok_declined'),
  ...Array(6).fill('tok_flaky'),
  ...Array(5).fill('tok_slow'),
  ...Array(2).fill('tok_unknown'),
];
/** @type {readonly Address[]} */
const PLACES = [
  ['1 Mill Lane', 'Bath', 'BA1 1AA', 'GB'],
  ['Rua do Ouro 12', 'Lisboa', '1100-060', 'PT'],
  ['Hauptstraße 7', 'Köln', '50667', 'DE'],
  ['1 Brīvības iela', 'Rīga', 'LV-1010', 'LV'],
];
/**
 * Nothing is shipped there: money and stock must come back.
 * @type {Address}
 */
const UNSHIPPABLE = ['Mars Base', 'Atlantis', '00000', 'AQ'];
/** One in so many orders is paid and cannot be shipped, so that every run has orders to undo. */
const UNSHIPPABLE_EVERY = 30;
const FOLLOWED_EVERY = 4;
const MOST_FOLLOWED = 40;

export class Customers {
  /** How many times the rate, while there is a burst. */
  haste = 1;
  placed = 0;
  /** Orders that nobody placed, for as many customers as there are waited for an answer. */
  turnedAway = 0;
  since = new Date();
  #began = performance.now();
  /** @type {number[]} */
  #lately = [];
  /** @type {Set<Promise<void>>} */
  #open = new Set();
  /** @type {Set<{ done: Promise<void>, leave: AbortController }>} */
  #following = new Set();
  #ending = false;
  #patientUntil = Infinity;

  /**
   * @param {object} options
   * @param {number} options.seed
   * @param {number} options.rate orders a second
   * @param {string} options.gatewayUrl
   * @param {readonly Product[]} options.products
   * @param {History} options.history
   * @param {boolean} options.hostile whether there are requests that must be refused
   */
  constructor({ seed, rate, gatewayUrl, products, history, hostile }) {
    this.seed = seed;
    this.rate = rate;
    this.gatewayUrl = gatewayUrl;
    this.products = products;
    this.history = history;
    this.hostile = hostile;
    this.random = randomOf(seed, 'orders');
    history.add({
      type: 'prices',
      prices: Object.fromEntries(products.map(({ sku, price }) => [sku, price])),
    });
  }

  /** Places orders until `end` is called. */
  async run() {
    for (
      let next = performance.now();
      !this.#ending;
      next = Math.max(performance.now() - 1000, next) + 1000 / (this.rate * this.haste)
    ) {
      await sleep(Math.max(0, next - performance.now()));
      if (this.#open.size < MOST_UNDER_WAY) this.#begin();
      else this.turnedAway++;
    }
  }

  /**
   * Places no new orders; customers without an answer go on asking for so long.
   * @param {number} milliseconds
   */
  async end(milliseconds) {
    this.#ending = true;
    this.#patientUntil = performance.now() + milliseconds;
    await Promise.all(this.#open);
  }

  /**
   * Waits until the followers of orders have seen the end, at most for so long.
   * @param {number} milliseconds
   */
  async seenTheEnd(milliseconds) {
    const following = [...this.#following];
    const late = setTimeout(() => following.forEach(({ leave }) => leave.abort()), milliseconds);
    await Promise.all(following.map(({ done }) => done));
    clearTimeout(late);
  }

  /** Orders a second, lately. */
  pace() {
    return (
      this.#lately.filter((at) => at > performance.now() - PACE_OVER_MS).length /
      (Math.min(PACE_OVER_MS, performance.now() - this.#began) / 1000)
    );
  }

  #begin() {
    this.#lately = [
      ...this.#lately.filter((at) => at > performance.now() - PACE_OVER_MS),
      performance.now(),
    ];
    const number = this.placed++;
    const order = this.#invent(number);
    const work =
      this.hostile && this.random.next() < 0.05
        ? this.#attack(number, order)
        : this.#shop(number, order);
    this.#open.add(work);
    void work.finally(() => this.#open.delete(work));
  }

  /**
   * @param {number} number
   * @returns {NewOrder}
   */
  #invent(number) {
    const { random } = this;
    const unshippable = number % UNSHIPPABLE_EVERY === UNSHIPPABLE_EVERY - 1;
    const [line1, city, postcode, country] = unshippable ? UNSHIPPABLE : random.pick(PLACES);
    /** @type {Map<string, number>} */
    const quantities = new Map(
      Array.from({ length: 1 + random.below(3) }, () => [
        random.pick(this.products).sku,
        1 + random.below(3),
      ]),
    );
    return {
      customer: {
        name: `Customer ${number}`,
        email: `customer-${number}@example.org`,
        address: { line1, city, postcode, country },
      },
      lines: [...quantities].map(([sku, quantity]) => ({ sku, quantity })),
      payment: { token: unshippable ? 'tok_ok' : random.pick(TOKENS) },
    };
  }

  /**
   * @param {number} number
   * @param {NewOrder} order
   */
  async #shop(number, order) {
    const orderId = await this.#place(`chaos-${this.seed}-${number}`, order);
    if (orderId && number % FOLLOWED_EVERY === 0 && this.#following.size < MOST_FOLLOWED)
      this.#follow(orderId);
  }

  /** @param {string} orderId */
  #follow(orderId) {
    const leave = new AbortController();
    const done = follow(this.gatewayUrl, orderId, this.history, leave.signal);
    const one = { done, leave };
    this.#following.add(one);
    void done.finally(() => this.#following.delete(one));
  }

  /**
   * Places one order of one piece with this card. Resolves as `#place`.
   * @param {string} token
   * @param {string} sku
   */
  placeOne(token, sku) {
    const order = this.#invent(0);
    return this.#place(`chaos-${this.seed}-${token}-${Date.now()}`, {
      ...order,
      lines: [{ sku, quantity: 1 }],
      payment: { token },
    });
  }

  /**
   * Resolves with the order's id; undefined when it was refused, or patience ended first.
   * @param {string} key
   * @param {NewOrder} order
   */
  async #place(key, order) {
    const { lines, payment, customer } = order;
    for (let attempt = 1; ; attempt++) {
      this.history.add({
        type: 'invoke',
        key,
        attempt,
        ...(attempt === 1 && { lines, token: payment.token, email: customer.email }),
      });
      const outcome = await this.#ask(key, order);
      this.history.add({ ...outcome, key, attempt });
      if (outcome.type !== 'unknown' || performance.now() > this.#patientUntil)
        return outcome.orderId;
      await sleep(PAUSE_MS);
    }
  }

  /**
   * @param {string} key
   * @param {NewOrder} order
   * @returns {Promise<Outcome>}
   */
  async #ask(key, order) {
    try {
      const response = await this.#send({
        headers: { 'content-type': 'application/json', 'idempotency-key': key },
        body: JSON.stringify(order),
      });
      /** @type {{ orderId?: string, title?: string }} */
      const answer = JSON.parse(await response.text());
      if (response.status === 202) return { type: 'ok', orderId: answer.orderId };
      // 408 and 429 ask to try again; a request answered with 5xx may have been carried out.
      const sure = response.status < 500 && ![408, 429].includes(response.status);
      return { type: sure ? 'fail' : 'unknown', why: `${response.status} ${answer.title ?? ''}` };
    } catch (error) {
      return { type: 'unknown', why: failureOf(error) };
    }
  }

  /** @param {Pick<RequestInit, 'headers' | 'body'>} request */
  #send(request) {
    return fetch(`${this.gatewayUrl}/orders`, {
      method: 'POST',
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      ...request,
    });
  }

  /**
   * @param {number} number
   * @param {NewOrder} order
   */
  async #attack(number, order) {
    const key = `hostile-${this.seed}-${number}`;
    const { sort, request } = hostileRequest(this.random, key, order);
    const status = await this.#send(request).then(
      (response) => response.arrayBuffer().then(() => response.status),
      () => 0, // no answer: the gateway may be down, or hung up
    );
    this.history.add({ type: 'hostile', key, sort, status });
  }
}

/** @param {unknown} error */
const failureOf = (error) =>
  error instanceof Error ? (codeOf(error.cause) ?? error.name) : String(error);
