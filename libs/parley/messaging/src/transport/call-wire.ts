import { randomUUID } from 'node:crypto';
import type { Headers } from '../message/message';
import type { CallFault } from '../ports/call-transport';

/**
 * Trace context has a name of its own everywhere; foreign instrumentation looks for it there. So has
 * the token of a caller.
 */
const PLAIN = new Set(['traceparent', 'tracestate', 'authorization']);
const PREFIX = 'ce-';

/**
 * Envelope attributes as HTTP headers or gRPC metadata: `ce-id`, `ce-type` …, values as CloudEvents'
 * HTTP binding writes them.
 */
export function toWireHeaders(headers: Headers): Record<string, string> {
  const written: Record<string, string> = {};
  for (const name in headers)
    written[PLAIN.has(name) ? name : PREFIX + name] =
      name === 'authorization' ? headers[name]! : toAscii(headers[name]!);
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
 * The name of an attribute that a caller wrote twice. Undefined: there is none. HTTP joins the
 * values of such a header by a comma and a space, and no value of CloudEvents has a bare space.
 * `tracestate` may come in parts.
 */
export function writtenTwice(written: Readonly<Record<string, unknown>>): string | undefined {
  for (const name in written) {
    if (name !== 'traceparent' && !name.startsWith(PREFIX)) continue;
    const value = written[name];
    if (typeof value === 'string' && value.includes(', ')) return name;
  }
  return undefined;
}

/** The answer to it. */
export const twiceFault = (name: string): CallFault => ({
  code: 'invalid-request',
  message: `the header ${name.slice(0, 100)} is there twice, or has a space that is not written as %20`,
});

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
