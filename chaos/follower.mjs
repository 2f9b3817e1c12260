// A customer who follows an order live (server-sent events), and asks for the rest after every
// interruption, with the last number seen.
import { setTimeout as sleep } from 'node:timers/promises';

const PAUSE_MS = 500;

/**
 * Records each stage as `seen`, and `followed` once the stream ended behind a final status.
 * Resolves then, or when `signal` aborts.
 * @param {string} gatewayUrl
 * @param {string} orderId
 * @param {import('./history.mjs').History} history
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export async function follow(gatewayUrl, orderId, history, signal) {
  history.add({ type: 'follow', orderId });
  const watch = { last: 0, over: false };
  while (!signal.aborted) {
    const ended = await watchOnce(
      `${gatewayUrl}/orders/${orderId}/events`,
      watch,
      signal,
      (stage) => history.add({ type: 'seen', orderId, ...stage }),
    ).catch(() => false);
    if (ended && watch.over) return history.add({ type: 'followed', orderId });
    await sleep(PAUSE_MS);
  }
}

/** @typedef {{ number: number, what: string, status?: string }} Stage */

/**
 * The state of an order as its customer knows it: the number of its last stage, and whether that
 * was final.
 * @typedef {{ last: number, over: boolean }} Watch
 */

/**
 * Resolves with true when the gateway ended the stream in good order.
 * @param {string} url
 * @param {Watch} watch
 * @param {AbortSignal} signal
 * @param {(stage: Stage) => void} seen
 */
async function watchOnce(url, watch, signal, seen) {
  const headers = {
    accept: 'text/event-stream',
    ...(watch.last && { 'last-event-id': String(watch.last) }),
  };
  const response = await fetch(url, { headers, signal });
  if (response.status !== 200 || !response.body) return false;
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) take(block, watch, seen);
  }
  return true;
}

/**
 * @param {string} block
 * @param {Watch} watch
 * @param {(stage: Stage) => void} seen
 */
function take(block, watch, seen) {
  /** @param {string} name */
  const field = (name) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(block)?.[1];
  if (field('event') !== 'progress') return;
  /** @type {Stage} */
  const { number, what, status } = JSON.parse(field('data') ?? '{}');
  watch.last = number;
  watch.over ||= status === 'delivered' || status === 'rejected';
  seen({ number, what, status });
}
