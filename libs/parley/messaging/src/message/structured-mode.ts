import { depthOf } from './codec';
import type { Headers } from './message';

/*
 * CloudEvents in structured JSON mode, for technologies without headers, or with too few of them:
 * attributes and data are one JSON document that any language can read and write.
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 */

/** Levels of nesting: deeper documents are not read as JSON here. */
const DEEPEST = 64;

/** `data` is JSON where reading it gives the same bytes back, else `data_base64`. */
export function toStructured(headers: Headers, body: Buffer): string {
  const attributes = JSON.stringify(headers).slice(0, -1);
  const comma = attributes === '{' ? '' : ',';
  const data = asJson(body);
  return `${attributes}${comma}${data === undefined ? `"data_base64":"${body.toString('base64')}"` : `"data":${data}`}}`;
}

/**
 * A document that is no CloudEvent is returned unchanged, without headers: it reaches no handler,
 * and is kept with its bytes.
 */
export function fromStructured(document: Buffer): {
  readonly headers: Headers;
  readonly body: Buffer;
} {
  try {
    return read(document) ?? { headers: {}, body: document };
  } catch {
    return { headers: {}, body: document };
  }
}

function read(document: Buffer): { readonly headers: Headers; readonly body: Buffer } | undefined {
  if (depthOf(document) > DEEPEST) return undefined;
  const event: unknown = JSON.parse(document.toString());
  if (typeof event !== 'object' || event === null || !('specversion' in event)) return undefined;
  const { data, data_base64, ...attributes } = event as Record<string, unknown>;
  const named = Object.entries(attributes).filter(([, value]) => value !== null);
  const headers = Object.fromEntries(
    named.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
  return { headers, body: bodyOf(data, data_base64) };
}

function bodyOf(data: unknown, base64: unknown): Buffer {
  if (typeof base64 === 'string') return Buffer.from(base64, 'base64');
  return data === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(data));
}

function asJson(body: Buffer): string | undefined {
  // The payload is one level deeper inside of the document.
  if (depthOf(body) >= DEEPEST) return undefined;
  try {
    const text = JSON.stringify(JSON.parse(body.toString()));
    return Buffer.from(text).equals(body) ? text : undefined;
  } catch {
    return undefined;
  }
}
