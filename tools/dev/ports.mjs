// Ports of 127.0.0.1.
import net from 'node:net';

/**
 * Below the ports that systems give to outgoing connections, so that none of these takes one by
 * accident before its server has it.
 */
const [FIRST, LAST] = [30_000, 32_767];
/** Every process begins somewhere else. */
let next = FIRST + (process.pid % 2_000);

/** A port for a server that must be told where to listen; this process gets it once. */
export async function freePort() {
  while (next <= LAST) {
    const port = next++;
    if (!(await listens(port))) return port;
  }
  throw new Error(`no port from ${FIRST} to ${LAST} is free`);
}

/**
 * True when some server has the port.
 * @param {number} port
 * @returns {Promise<boolean>}
 */
export function listens(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(true));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(false)));
  });
}
