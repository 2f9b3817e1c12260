import type { Headers } from '@parley/messaging';

/*
 * CloudEvents in structured JSON mode: Redis has no headers, so attributes and data are one JSON document that any language
 * can read. Data is JSON where that gives the same bytes back, else base64.
 */

export function encode(headers: Headers, body: Buffer): string {
  const data = asJson(body);
  const attributes = JSON.stringify(headers).slice(0, -1);
  const comma = Object.keys(headers).length > 0 ? ',' : '';
  return `${attributes}${comma}${data === undefined ? `"data_base64":"${body.toString('base64')}"` : `"data":${data}`}}`;
}

/** @throws SyntaxError when it is not a CloudEvents document. */
export function decode(document: string): { headers: Headers; body: Buffer } {
  const parsed: unknown = JSON.parse(document);
  if (typeof parsed !== 'object' || parsed === null || !('specversion' in parsed))
    throw new SyntaxError('not a CloudEvents document: it has no specversion');
  const { data, data_base64, ...attributes } = parsed as Record<string, unknown>;
  const headers = Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
  return { headers, body: bodyOf(data, data_base64) };
}

function bodyOf(data: unknown, base64: unknown): Buffer {
  if (typeof base64 === 'string') return Buffer.from(base64, 'base64');
  return data === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(data));
}

/** The body's text, if reading and writing it as JSON gives the same bytes. */
function asJson(body: Buffer): string | undefined {
  try {
    const text = JSON.stringify(JSON.parse(body.toString()));
    return Buffer.from(text).equals(body) ? text : undefined;
  } catch {
    return undefined;
  }
}
