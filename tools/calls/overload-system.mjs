// The processes of the overload run, each of its own, over gRPC on loopback.
import path from 'node:path';
import { freePort } from '../dev/ports.mjs';
import { ask, start } from './forked.mjs';

/**
 * A caller, and the two services that it calls.
 * @param {string} dist
 */
export async function system(dist) {
  const ports = [String(await freePort()), String(await freePort())];
  const program = path.join(import.meta.dirname, 'overload-process.mjs');
  const begin = (/** @type {string} */ role) =>
    start(program, [path.resolve(dist), ...ports, role], { CALLS_RESILIENCE: 'on' });
  const [catalog, inventory, caller] = await Promise.all([
    begin('catalog'),
    begin('inventory'),
    begin('caller'),
  ]);
  return {
    catalog,
    /** @param {{ perSecond: number, seconds: number }} order calls to each service */
    load: (order) => ask(caller, order),
    close: () => {
      for (const child of [caller, inventory, catalog]) child.disconnect();
    },
  };
}
