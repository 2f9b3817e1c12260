import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { tryKill } from '../dev/process-tree.mjs';

/** @import { Broker } from './brokers.mjs' */

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-brokers-'));
process.env.BROKERS_DIR = folder;
process.env.BROKERS_WAIT = '20';

/** Pings that are answered with an error first, as by a Redis that reads its file. */
const LOADING = 3;
const PROGRAM = `
  let pings = 0;
  require('node:http')
    .createServer((_, response) => response.writeHead(++pings > ${LOADING} ? 200 : 503).end(String(pings)))
    .listen(Number(process.argv[1]), '127.0.0.1');
`;

/** @type {typeof import('./brokers.mjs')} */
let brokers;
/** @type {number} */
let port;

before(async () => {
  brokers = await import('./brokers.mjs');
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  ({ port } = /** @type {net.AddressInfo} */ (server.address()));
  await new Promise((resolve) => server.close(resolve));
});

after(() => {
  for (const file of fs.readdirSync(path.join(folder, 'run')))
    tryKill(JSON.parse(fs.readFileSync(path.join(folder, 'run', file), 'utf8')).pid, 'SIGKILL');
  fs.rmSync(folder, { recursive: true });
});

/** @returns {Promise<{ status: number, text: string }>} */
const ping = async () => {
  const response = await fetch(`http://127.0.0.1:${port}`);
  return { status: response.status, text: await response.text() };
};

/**
 * @param {string} name
 * @param {string[]} args
 * @returns {Broker}
 */
const broker = (name, args) => ({
  name,
  urls: {},
  install: async () => undefined,
  command: async () => ({ file: process.execPath, args }),
  ready: () =>
    new Promise((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => (socket.destroy(), resolve(true)));
      socket.once('error', () => resolve(false));
    }),
  async works() {
    const { status } = await ping();
    if (status !== 200) throw new Error('LOADING');
  },
});

test('up returns when the broker works, not when it only listens', async () => {
  await brokers.up(broker('slow', ['-e', PROGRAM, String(port)]));
  assert.deepEqual(await ping(), { status: 200, text: String(LOADING + 2) });
});

test('up tells the last words of a broker that ended', async () => {
  const ends = {
    ...broker('ends', ['-e', 'console.log("no space left")']),
    ready: async () => false,
  };
  await assert.rejects(brokers.up(ends), /ends ended:[^]*no space left/);
});

test('a port that somebody else has is named, and nothing is started', async () => {
  const server = http.createServer().listen(0, '127.0.0.1');
  const taken = { ...broker('taken', ['-e', '0']), ready: async () => true };
  await assert.rejects(brokers.up(taken), /taken: its port is taken by somebody else/);
  server.close();
});
