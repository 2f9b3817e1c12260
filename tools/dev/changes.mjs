// .data/start.sock: the running start is asked there for changes of what runs, and carries them out
// one after the other. A line of JSON comes in, lines go out, the last one says how it ended. Only
// the user of this folder may connect.
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { createInterface } from 'node:readline';
import { messageOf, Mistake } from '../terminal/errors.mjs';
import { isSame } from './process-tree.mjs';
import { NOT_RUNNING, readRun } from './run-file.mjs';

/** Relative: the path of a socket has at most 107 characters. */
const SOCKET = '.data/start.sock';

/**
 * @typedef {object} Change
 * @property {Record<string, number>} [scale] how many instances of a service there shall be
 * @property {string[] | 'all'} [restart] services whose instances are replaced
 */

/** @typedef {(change: Change, say: (line: string) => void) => Promise<void>} CarryOut */

/** @param {CarryOut} carryOut */
export async function takeChanges(carryOut) {
  fs.rmSync(SOCKET, { force: true }); // of a start that was killed
  /** @type {Promise<unknown>} */
  let last = Promise.resolve();
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined); // it is carried out without its asker
    createInterface(socket).once('line', (line) => {
      last = last.then(() => answer(socket, line, carryOut));
    });
  });
  server.listen(SOCKET);
  await once(server, 'listening');
  fs.chmodSync(SOCKET, 0o600);
  server.unref();
  process.once('exit', () => fs.rmSync(SOCKET, { force: true }));
  return server;
}

/**
 * Never rejects.
 * @param {net.Socket} socket
 * @param {string} line
 * @param {CarryOut} carryOut
 */
async function answer(socket, line, carryOut) {
  /** @param {object} reply */
  const write = (reply) => socket.writable && socket.write(`${JSON.stringify(reply)}\n`);
  try {
    await carryOut(JSON.parse(line), (text) => write({ say: text }));
    write({ done: true });
  } catch (error) {
    write({ error: messageOf(error) });
  }
  socket.end();
}

/**
 * Resolves when the running start has carried it out.
 * @param {Change} change
 * @param {(line: string) => void} [say]
 * @throws {Mistake} when no start runs here, or it fails
 */
export async function askFor(change, say = () => undefined) {
  const socket = await connected();
  socket.write(`${JSON.stringify(change)}\n`);
  for await (const line of createInterface(socket)) {
    const reply = JSON.parse(line);
    if (reply.say) say(reply.say);
    if (reply.error) throw new Mistake(reply.error);
    if (reply.done) return;
  }
  throw new Mistake('npm start ended before it was done.');
}

/** @returns {Promise<net.Socket>} */
function connected() {
  return new Promise((resolve, reject) => {
    const socket = net.connect(SOCKET);
    socket.once('connect', () => {
      socket.on('error', () => undefined); // its lines end then
      resolve(socket);
    });
    socket.once('error', () => reject(new Mistake(whyNot())));
  });
}

function whyNot() {
  const run = readRun();
  return run && isSame(run.launcher)
    ? 'npm start is not ready yet: ask again when it has shown its table.'
    : NOT_RUNNING;
}
