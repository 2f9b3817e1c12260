import { randomBytes } from 'node:crypto';

/** W3C Trace Context, version 00. @see https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** A new hop of the given trace, or of a new one. */
export function nextHop(traceparent?: string): string {
  const [, trace = randomBytes(16).toString('hex'), , flags = '01'] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  return `00-${trace}-${randomBytes(8).toString('hex')}-${flags}`;
}

/** The trace's id, as logs show it. */
export const traceIdOf = (traceparent: string): string | undefined => TRACEPARENT.exec(traceparent)?.[1];
