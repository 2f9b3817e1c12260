import { randomFillSync } from 'node:crypto';

/** W3C Trace Context, version 00. @see https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** Random bytes are fetched a block at a time: a hop needs eight, and every message is a hop. */
const pool = Buffer.alloc(4_096);
let used = pool.length;

function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('hex', used - bytes, used);
}

/** A new hop of the given trace, or of a new one. */
export function nextHop(traceparent?: string): string {
  const [, trace = randomHex(16), , flags = '01'] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  return `00-${trace}-${randomHex(8)}-${flags}`;
}

/** The trace's id, as logs show it. */
export const traceIdOf = (traceparent: string): string | undefined =>
  TRACEPARENT.exec(traceparent)?.[1];
