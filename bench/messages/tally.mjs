// Counts the handled messages: a measurement counts only if each was handled once.
import { KEYS } from './order.mjs';
import { now } from '../measure/servant.mjs';

/** @import { Order } from './order.mjs' */

/**
 * @typedef {object} Found
 * @property {number} handled different messages
 * @property {number} doubled
 * @property {number} strays of another measurement
 * @property {number} swapped after a later one of the same key
 */

export class Tally {
  /** @type {number[]} milliseconds from sent to handled, in the order of handling */
  took = [];
  /** @type {Found} */
  found = { handled: 0, doubled: 0, strays: 0, swapped: 0 };
  #seen;
  #run;
  #count;
  #latest = new Array(KEYS).fill(-1);
  /** @type {PromiseWithResolvers} */
  #first = withResolvers();
  /** @type {PromiseWithResolvers} */
  #all = withResolvers();
  /** @type {PromiseWithResolvers | undefined} */
  #gate;

  /** @param {{ run: string, count: number, held: boolean }} options held: handlers wait for `go` */
  constructor({ run, count, held }) {
    this.#run = run;
    this.#count = count;
    this.#seen = new Uint8Array(count);
    this.#gate = held ? withResolvers() : undefined;
  }

  /** Resolves when the first message is being handled. */
  get first() {
    return this.#first.promise;
  }

  /** Resolves when all are handled. */
  get all() {
    return this.#all.promise;
  }

  go() {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  /**
   * Called by the handler of a contestant with what it was given.
   * @param {Order} order
   */
  async handled({ run, n, at }) {
    const arrived = now();
    this.#first.resolve();
    if (this.#gate) await this.#gate.promise;
    if (run !== this.#run || !(n < this.#count)) return void this.found.strays++;
    if (this.#seen[n]) return void this.found.doubled++;
    this.#seen[n] = 1;
    if (n < this.#latest[n % KEYS]) this.found.swapped++;
    this.#latest[n % KEYS] = n;
    this.took.push(arrived - at);
    if (++this.found.handled === this.#count) this.#all.resolve();
  }
}

/**
 * @typedef {object} PromiseWithResolvers
 * @property {Promise<void>} promise
 * @property {() => void} resolve
 */

/** @returns {PromiseWithResolvers} */
function withResolvers() {
  let resolve = () => {};
  /** @type {Promise<void>} */
  const promise = new Promise((settle) => (resolve = settle));
  return { promise, resolve };
}
