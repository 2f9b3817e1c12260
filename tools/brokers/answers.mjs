// Tests of whether a broker is ready.
import net from 'node:net';

const QUICKLY_MS = 2_000;

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
export const listens = (port) =>
  new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1', timeout: QUICKLY_MS });
    /** @param {boolean} answer */
    const end = (answer) => (socket.destroy(), resolve(answer));
    socket
      .once('connect', () => end(true))
      .once('error', () => end(false))
      .once('timeout', () => end(false));
  });

/**
 * @param {string} url
 * @param {Record<string, string>} [headers]
 */
export async function says(url, headers = {}) {
  try {
    return (await fetch(url, { headers, signal: AbortSignal.timeout(QUICKLY_MS) })).ok;
  } catch {
    return false;
  }
}
