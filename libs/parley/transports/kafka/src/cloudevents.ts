import { type Headers, joinedByName } from '@parley/messaging/transport';
import type { IHeaders } from 'kafkajs';
import type { Incoming } from './client';

/*
 * CloudEvents over Kafka. The kit sends binary mode: attributes are headers `ce_<name>`,
 * `content-type` is `datacontenttype`, the value is the data, and the key is the partition key's
 * bytes. It also reads structured mode, where the value is one JSON document.
 */

const ATTRIBUTE = 'ce_';
const CONTENT_TYPE = 'content-type';
const STRUCTURED = /^application\/cloudevents\+json\b/i;

export interface Unpacked {
  readonly headers: Headers;
  readonly body: Buffer;
}

/** Returns the Kafka headers of a message of the kit. */
export function pack({ datacontenttype, ...attributes }: Headers): Record<string, string> {
  const headers: Record<string, string> =
    datacontenttype === undefined ? {} : { [CONTENT_TYPE]: datacontenttype };
  for (const name in attributes) headers[ATTRIBUTE + name] = attributes[name]!;
  return headers;
}

/** Returns the headers of a record as text. */
export function textsOf(headers: IHeaders): Record<string, string> {
  const texts: [string, string][] = [];
  for (const name in headers)
    for (const value of [headers[name]].flat())
      if (value !== undefined && value !== null) texts.push([name, value.toString()]);
  return joinedByName(texts);
}

/**
 * Returns the contract's name from the headers alone. Undefined: the message has to be unpacked to
 * find it, if it has one.
 */
export const typeOf = ({ headers }: Incoming): string | undefined => headers[`${ATTRIBUTE}type`];

/** Returns attributes under their plain names, and all other headers under their own. */
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
 * Parses a structured-mode document. Returns undefined when it is none: the message stays as it
 * came, and is dead-lettered as unreadable.
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
 * Returns an upper bound of a message's bytes in Kafka's log: key, value, headers and their
 * overhead.
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
