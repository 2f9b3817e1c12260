// The processes of the overload run, each of its own, over gRPC on loopback.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  server.close();
  return String(port);
}

/**
 * A caller, and the two services that it calls.
 * @param {string} dist
 * @param {'on' | 'off'} resilience
 */
export async function system(dist, resilience) {
  const ports = [await freePort(), await freePort()];
  const start = async (/** @type {string} */ role) => {
    const child = fork(
      path.join(import.meta.dirname, 'process.mjs'),
      [path.resolve(dist), ...ports, role],
      { env: { ...process.env, CALLS_RESILIENCE: resilience } },
    );
    await once(child, 'message');
    return child;
  };
  const [catalog, inventory, caller] = await Promise.all(
    ['catalog', 'inventory', 'caller'].map(start),
  );
  const ask = async (/** @type {typeof caller} */ child, /** @type {object} */ order) => {
    child.send(order);
    return (await once(child, 'message'))[0];
  };
  return {
    catalog,
    /** @param {{ perSecond: number, seconds: number, others?: boolean }} order */
    load: (order) => ask(caller, { what: 'load', ...order }),
    close: () => {
      for (const child of [caller, inventory, catalog]) child.disconnect();
    },
  };
}
