// The processes of the overload run, each of its own, over gRPC on loopback.
import path from 'node:path';
import { freePort } from '../dev/ports.mjs';
import { ask, start } from './forked.mjs';

/**
 * A caller, and the two services that it calls.
 * @param {string} dist
 * @param {'on' | 'off'} resilience
 */
export async function system(dist, resilience = 'on') {
  const ports = [String(await freePort()), String(await freePort())];
  const program = path.join(import.meta.dirname, 'overload-process.mjs');
  const begin = (/** @type {string} */ role) =>
    start(program, [path.resolve(dist), ...ports, role], { CALLS_RESILIENCE: resilience });
  const [catalog, inventory, caller] = await Promise.all([
    begin('catalog'),
    begin('inventory'),
    begin('caller'),
  ]);
  return {
    catalog,
    /** @param {{ perSecond: number, seconds: number, isOnlyCatalog?: boolean }} order calls to each service */
    load: (order) => ask(caller, order),
    /**
     * Lets catalog fail each second call from now on, or no more.
     * @param {boolean} isFailing
     * @returns {Promise<number>} how often it was asked until now
     */
    fail: async (isFailing) => (await ask(catalog, { isFailing })).asked,
    close: () => {
      for (const child of [caller, inventory, catalog]) child.disconnect();
    },
  };
}
