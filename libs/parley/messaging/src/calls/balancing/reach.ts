import { connect } from 'node:net';
import { connect as connectByTls, type ConnectionOptions } from 'node:tls';
import type { Reach } from './instance';

/** Milliseconds that an instance has to accept a connection. */
const REACH_TIMEOUT_MS = 1_000;

/** Opens a TCP connection and closes it again. */
export const reachByTcp: Reach = ({ host, port }) =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: REACH_TIMEOUT_MS });
    socket.unref();
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('timeout', () => socket.destroy(new Error('no connection in time')));
    socket.once('error', reject);
  });

/** Opens a connection by TLS, checks the certificate, and closes it again. */
export const reachByTls =
  (options: () => ConnectionOptions): Reach =>
  ({ host, port }) =>
    new Promise((resolve, reject) => {
      const socket = connectByTls({ host, port, timeout: REACH_TIMEOUT_MS, ...options() });
      socket.unref();
      socket.once('secureConnect', () => {
        socket.destroy();
        resolve();
      });
      socket.once('timeout', () => socket.destroy(new Error('no connection in time')));
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('it hung up')));
    });
