// Attacks on the share of others: many requests, slow ones, and streams that they
// leave open.
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../terminal/errors.mjs';

/** @import { IncomingMessage } from 'node:http' */
/** @import { Run } from '../../dev/run-file.mjs' */
/** @import { Edge } from './edge.mjs' */
/** @import { Issuer } from './issuer.mjs' */

const FLOOD = { perSecond: 1_000, seconds: 5, everyMs: 10 };
const OTHERS = 20;
const CALM_MS = 5_000;
const SOCKETS = 1_000;
/** Longer than a request may take to come, 30 s. */
const SOCKETS_CLOSED_WITHIN_MS = 45_000;
const STREAMS = { clients: 50, each: 20 };

/** @param {number[]} numbers @param {number} share */
const quantile = (numbers, share) =>
  numbers.sort((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * share))] ??
  0;

/**
 * Other customers, each with an account of its own, who read and order until they are told to stop.
 * @param {Edge} edge
 * @param {Issuer} issuer
 */
function others(edge, issuer) {
  let isOver = false;
  /** @type {number[]} */
  const times = [];
  /** @type {string[]} */
  const unserved = [];
  const customer = async (/** @type {string} */ account) => {
    const headers = await issuer.customer(account);
    for (let n = 0; !isOver; n++) {
      const ask = [
        () => edge.ask('/products', headers),
        () => edge.ask('/orders', headers),
        () => edge.order(headers),
      ][n % 3];
      const expected = n % 3 === 2 ? 202 : 200;
      await ask?.().then(
        ({ status, took }) => {
          times.push(took);
          if (status !== expected) unserved.push(String(status));
        },
        (/** @type {unknown} */ error) => void unserved.push(messageOf(error)),
      );
      await sleep(500);
    }
  };
  const all = Promise.all(Array.from({ length: OTHERS }, (_, n) => customer(`other-${n}`)));
  return {
    /** @throws when one was not served */
    async served() {
      isOver = true;
      await all;
      if (unserved.length > 0)
        throw new Error(`others were answered ${[...new Set(unserved)].join(', ')}`);
      return `${times.length} requests of ${OTHERS} others were served, half of them within ${quantile(times, 0.5).toFixed(0)} ms, 99 % within ${quantile(times, 0.99).toFixed(0)} ms`;
    },
  };
}

/**
 * Nobody attacks: what the machine serves, to be compared with what follows.
 * @param {Edge} edge
 * @param {Issuer} issuer
 */
export async function calm(edge, issuer) {
  const neighbours = others(edge, issuer);
  await sleep(CALM_MS);
  return neighbours.served();
}

/**
 * One client without a token, by its address.
 * @param {Edge} edge
 * @param {Issuer} issuer
 */
export async function flood(edge, issuer) {
  const neighbours = others(edge, issuer);
  const began = performance.now();
  const total = FLOOD.perSecond * FLOOD.seconds;
  /** @type {Promise<number>[]} */
  const asked = [];
  while (asked.length < total) {
    const due = ((performance.now() - began) / 1_000) * FLOOD.perSecond;
    while (asked.length < Math.min(due, total))
      asked.push(
        edge.ask('/products').then(
          ({ status }) => status,
          () => 0,
        ),
      );
    await sleep(FLOOD.everyMs);
  }
  const statuses = await Promise.all(asked);
  const seconds = (performance.now() - began) / 1_000;
  const told = await neighbours.served();
  /** @type {Record<number, number>} */
  const counts = {};
  for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1;
  const { 200: served = 0, 429: refused = 0 } = counts;
  if (served + refused !== total || refused < total / 2)
    throw new Error(`the flood was answered ${JSON.stringify(counts)}`);
  return `${total} requests, ${(total / seconds).toFixed(0)} a second: ${served} served, ${refused} answered 429; ${told}`;
}

/**
 * Half of the connections never end their headers, half never end their body; each sends a byte a
 * second.
 * @param {Edge} edge
 * @param {Issuer} issuer
 */
export async function slowLoris(edge, issuer) {
  const beginnings = [
    'GET /products HTTP/1.1\r\nhost: shop\r\nx-slow: ',
    'POST /orders HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{"',
  ];
  let open = 0;
  const sockets = await Promise.all(
    Array.from({ length: SOCKETS }, async (_, n) => {
      const socket = connect(edge.port, '127.0.0.1');
      await once(socket, 'connect');
      open++;
      socket
        .on('error', () => undefined)
        .on('close', () => open--)
        .resume();
      socket.write(beginnings[n % 2] ?? '');
      return socket;
    }),
  );
  const neighbours = others(edge, issuer);
  const began = performance.now();
  const elapsed = () => performance.now() - began;
  while (open > 0 && elapsed() < SOCKETS_CLOSED_WITHIN_MS) {
    for (const socket of sockets) if (socket.writable) socket.write('x');
    await sleep(1_000);
  }
  const told = await neighbours.served();
  for (const socket of sockets) socket.destroy();
  if (open > 0) throw new Error(`${open} of ${SOCKETS} connections were still held`);
  return `${SOCKETS} connections, all closed after ${(elapsed() / 1_000).toFixed(0)} s; ${told}`;
}

/**
 * Streams of orders in which nothing happens, for payments does not get through.
 * @param {Edge} edge
 * @param {Issuer} issuer
 * @param {Run} run
 */
export async function idleStreams(edge, issuer, { providerUrl }) {
  const provider = async (/** @type {boolean} */ down) => {
    const body = JSON.stringify({ down });
    const { status } = await fetch(`${providerUrl}/admin`, { method: 'POST', body });
    if (status !== 200) throw new Error(`the payment provider answered ${status}`);
  };
  await provider(true);
  /** @type {IncomingMessage[]} */
  const streams = [];
  try {
    for (let client = 0; client < STREAMS.clients; client++) {
      const headers = await issuer.customer(`idle-${client}`);
      const { orderId } = await edge.placed(headers);
      for (let n = 0; n < STREAMS.each; n++) streams.push(await edge.follow(orderId, headers));
    }
    const neighbours = others(edge, issuer);
    await sleep(5_000);
    const told = await neighbours.served();
    const late = await issuer.customer('late');
    streams.push(await edge.follow((await edge.placed(late)).orderId, late));
    const closed = streams.filter(({ destroyed }) => destroyed).length;
    if (closed > 0) throw new Error(`${closed} streams were closed meanwhile`);
    return `${streams.length - 1} streams of ${STREAMS.clients} clients; ${told}`;
  } finally {
    for (const stream of streams) stream.destroy();
    await provider(false);
  }
}
