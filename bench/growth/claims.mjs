// The time that a consumer waits for each statement that gets it messages.
import { createRequire } from 'node:module';
import path from 'node:path';
import { now } from '../measure/servant.mjs';

/** As the kit names them: for commands, and for events. */
const STATEMENTS = new Set(['parley_claim', 'parley_read_events']);

/**
 * From then on the times are noted, in milliseconds.
 * @param {string} dist the compiled kit, which has a `pg` of its own
 * @returns {number[]} grows
 */
export function timedClaims(dist) {
  /** @type {{ Client: { prototype: { query: (...given: any[]) => any } } }} */
  const { Client } = createRequire(path.resolve(dist, 'libs/parley/growth.js'))('pg');
  const { query } = Client.prototype;
  /** @type {number[]} */
  const took = [];
  Client.prototype.query = function (/** @type {any[]} */ ...given) {
    const done = given.at(-1);
    if (!STATEMENTS.has(given[0]?.name) || typeof done !== 'function')
      return query.apply(this, given);
    const started = now();
    /** @param {unknown[]} result */
    const noted = (...result) => {
      took.push(now() - started);
      done(...result);
    };
    return query.apply(this, [...given.slice(0, -1), noted]);
  };
  return took;
}
