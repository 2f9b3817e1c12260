import { createHash, randomFillSync } from 'node:crypto';

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

/** The W3C Trace Context of a hop. */
export interface TraceContext {
  readonly traceparent: string;
  /** What tracing systems add to it; passed on as it is. */
  readonly tracestate?: string;
}

/** Characters of a tracestate; a longer one is dropped, as W3C allows. */
const MAX_TRACESTATE = 512;

/** A tracestate of an unknown sender, if it may be passed on. */
export const readTracestate = (text: string | undefined): string | undefined =>
  text !== undefined && text.length <= MAX_TRACESTATE && /^[ -~]+$/.test(text) ? text : undefined;

/** A traceparent in its parts; undefined when it is none. */
export function readTraceparent(
  traceparent = '',
): { readonly traceId: string; readonly spanId: string; readonly traceFlags: number } | undefined {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent) ?? [];
  return traceId && spanId && flags
    ? { traceId, spanId, traceFlags: Number.parseInt(flags, 16) }
    : undefined;
}

/** A new hop of the given trace, or of a new one. */
export function nextHop(traceparent?: string): string {
  const [, trace = randomHex(16), , flags = '01'] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  return `00-${trace}-${randomHex(8)}-${flags}`;
}

/** A key for traces: the same for the same key, and not readable. */
export const keyHash = (key: string): string =>
  createHash('sha256').update(key).digest('hex').slice(0, 16);

/** The trace's id, as logs show it. */
export const traceIdOf = (traceparent: string): string | undefined =>
  TRACEPARENT.exec(traceparent)?.[1];
