// A customer who follows an order live (server-sent events), and asks for the rest after every
// interruption, with the last number seen.
import { setTimeout as sleep } from 'node:timers/promises';

const PAUSE = 500;

/**
 * Records each stage as `seen`, and `followed` once the stream ended behind a final status.
 * Resolves then, or when `signal` aborts.
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
    await sleep(PAUSE);
  }
}

/** Resolves with true when the gateway ended the stream in good order. */
async function watchOnce(url, watch, signal, seen) {
  const headers = {
    accept: 'text/event-stream',
    ...(watch.last && { 'last-event-id': String(watch.last) }),
  };
  const response = await fetch(url, { headers, signal });
  if (response.status !== 200) return false;
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop();
    for (const block of blocks) take(block, watch, seen);
  }
  return true;
}

function take(block, watch, seen) {
  const field = (name) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(block)?.[1];
  if (field('event') !== 'progress') return;
  const { number, what, status } = JSON.parse(field('data'));
  watch.last = number;
  watch.over ||= status === 'delivered' || status === 'rejected';
  seen({ number, what, status });
}
