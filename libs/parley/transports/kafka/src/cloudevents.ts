import type { Headers } from '@parley/messaging/transport';
import type { Incoming } from './client';

/*
 * CloudEvents over Kafka. Ours are in binary mode: attributes are headers `ce_<name>`,
 * `content-type` is `datacontenttype`, the value is the data, and the key is the partition key's
 * bytes. Others may also send structured mode, where the value is one JSON document.
 */

const ATTRIBUTE = 'ce_';
const CONTENT_TYPE = 'content-type';
const STRUCTURED = /^application\/cloudevents\+json\b/i;

export interface Unpacked {
  readonly headers: Headers;
  readonly body: Buffer;
}

/** The headers of a message that is ours. */
export function pack({ datacontenttype, ...attributes }: Headers): Record<string, string> {
  const headers: Record<string, string> =
    datacontenttype === undefined ? {} : { [CONTENT_TYPE]: datacontenttype };
  for (const name in attributes) headers[ATTRIBUTE + name] = attributes[name]!;
  return headers;
}

/**
 * The contract's name, without looking further; undefined: it has to be unpacked to know, if it has
 * one at all.
 */
export const typeOf = ({ headers }: Incoming): string | undefined => headers[`${ATTRIBUTE}type`];

/** Attributes under their plain names; whatever else was carried along under its own. */
export function unpack(message: Incoming): Unpacked {
  const { headers, value } = message;
  const { attributes, others } = apart(headers);
  const body = value ?? Buffer.alloc(0);
  const structured =
    attributes.type === undefined && STRUCTURED.test(headers[CONTENT_TYPE] ?? '')
      ? document(body)
      : undefined;
  const key = message.key === null ? undefined : { partitionkey: message.key.toString() };
  if (structured)
    return { headers: { ...others, ...key, ...structured.headers }, body: structured.body };
  return {
    headers: {
      ...others,
      ...key,
      ...(headers[CONTENT_TYPE] && { datacontenttype: headers[CONTENT_TYPE] }),
      ...attributes,
    },
    body,
  };
}

function apart(headers: Incoming['headers']): {
  attributes: Record<string, string>;
  others: Record<string, string>;
} {
  const entries = Object.entries(headers).filter(([name]) => name !== CONTENT_TYPE);
  const attributes = entries
    .filter(([name]) => name.startsWith(ATTRIBUTE))
    .map(([name, value]) => [name.slice(ATTRIBUTE.length), value] as const);
  const others = entries.filter(([name]) => !name.startsWith(ATTRIBUTE));
  return { attributes: Object.fromEntries(attributes), others: Object.fromEntries(others) };
}

/**
 * Undefined when it is no such document: then it stays as it came, and is kept as what nobody could
 * read.
 */
function document(value: Buffer): Unpacked | undefined {
  try {
    const parsed: unknown = JSON.parse(value.toString());
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
    const { data, data_base64, ...attributes } = parsed as Record<string, unknown>;
    const headers = Object.entries(attributes).map(([name, one]) => [
      name,
      typeof one === 'string' ? one : JSON.stringify(one),
    ]);
    return { headers: Object.fromEntries(headers) as Headers, body: bodyOf(data, data_base64) };
  } catch {
    return undefined;
  }
}

function bodyOf(data: unknown, base64: unknown): Buffer {
  if (typeof base64 === 'string') return Buffer.from(base64, 'base64');
  return data === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(data));
}

/**
 * Bytes a message takes in Kafka's log, at most: names, values and what is said about each of them.
 */
export function sizeOf(
  key: Buffer | null,
  value: Buffer,
  headers: Readonly<Record<string, string>>,
): number {
  let size = RECORD + (key?.length ?? 0) + value.length;
  for (const name in headers) size += HEADER + name.length + Buffer.byteLength(headers[name]!);
  return size;
}

const RECORD = 32;
const HEADER = 8;
