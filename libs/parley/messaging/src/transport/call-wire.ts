import { randomUUID } from 'node:crypto';
import type { Headers } from '../message/message';

/** Trace context has a name of its own everywhere; foreign instrumentation looks for it there. */
const PLAIN = new Set(['traceparent', 'tracestate']);
const PREFIX = 'ce-';

/**
 * Envelope attributes as HTTP headers or gRPC metadata: `ce-id`, `ce-type` …, values as CloudEvents'
 * HTTP binding writes them.
 */
export function toWireHeaders(headers: Headers): Record<string, string> {
  const written: Record<string, string> = {};
  for (const name in headers)
    written[PLAIN.has(name) ? name : PREFIX + name] = toAscii(headers[name]!);
  return written;
}

/**
 * The attributes among HTTP headers or gRPC metadata; values that are no text are left out. A call
 * without an id, from a foreign caller, gets one.
 */
export function fromWireHeaders(written: Readonly<Record<string, unknown>>): Headers {
  const headers: Record<string, string> = {};
  for (const name in written) {
    const isPlain = PLAIN.has(name);
    if (!isPlain && !name.startsWith(PREFIX)) continue;
    const value = written[name];
    if (typeof value !== 'string') continue;
    headers[isPlain ? name : name.slice(PREFIX.length)] = fromAscii(value);
  }
  headers['id'] ??= randomUUID();
  return headers;
}

/**
 * Headers take printable ASCII only and trim spaces: other characters are percent-encoded UTF-8.
 */
function toAscii(text: string): string {
  return /^[!#$&-~]*$/.test(text) ? text : Array.from(Buffer.from(text), percent).join('');
}

const percent = (byte: number): string => {
  const character = String.fromCharCode(byte);
  return /[!#$&-~]/.test(character)
    ? character
    : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
};

/**
 * Bytes that are no UTF-8 become U+FFFD, a lone "%" stays: a foreign caller's oddity must not fail
 * the call.
 */
function fromAscii(text: string): string {
  if (!text.includes('%')) return text;
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString(),
  );
}
