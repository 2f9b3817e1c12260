import { Metadata } from '@grpc/grpc-js';
import type { Headers } from '@parley/messaging/transport';

/** Trace context has a name of its own everywhere; foreign instrumentation looks for it there. */
const PLAIN = new Set(['traceparent', 'tracestate']);
const PREFIX = 'ce-';

/**
 * Envelope attributes as metadata: `ce-id`, `ce-type` …, values as CloudEvents' HTTP binding writes
 * them.
 */
export function metadataOf(headers: Headers): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers))
    metadata.set(PLAIN.has(name) ? name : PREFIX + name, toAscii(value));
  return metadata;
}

export function headersFrom(metadata: Metadata): Headers {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(metadata.getMap())) {
    if (typeof value !== 'string') continue;
    if (PLAIN.has(name)) headers[name] = fromAscii(value);
    else if (name.startsWith(PREFIX)) headers[name.slice(PREFIX.length)] = fromAscii(value);
  }
  return headers;
}

/**
 * Metadata takes printable ASCII only and trims spaces: other characters are percent-encoded UTF-8.
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
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString(),
  );
}
