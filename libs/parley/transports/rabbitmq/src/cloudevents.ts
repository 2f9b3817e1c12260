import { type Failure, type Headers, joinedByName } from '@parley/messaging/transport';
import type { ConsumeMessage, Options } from 'amqplib';

/*
 * CloudEvents over AMQP, binary mode: attributes are message headers `cloudEvents:<name>`, the
 * content type is `datacontenttype`, the body is the data. Nothing of Nest's is on the wire.
 */
const PREFIX = /^cloudEvents[:_]/;

/** Data carried by a command that is delivered again. */
export interface Bookkeeping {
  /** Counted deliveries, this one included. */
  readonly attempt?: number;
  readonly failure?: Failure;
  /** Milliseconds of a long delay that remain after this one. */
  readonly remaining?: number;
}

const ATTEMPT = 'x-attempt';
const FAILURE = 'x-failure';
const REMAINING = 'x-remaining';
/** Headers of the kit or the broker, not of the message. */
const INTERNAL = new Set([
  ATTEMPT,
  FAILURE,
  REMAINING,
  'x-delivery-count',
  'x-death',
  'x-first-death-exchange',
  'x-first-death-queue',
  'x-first-death-reason',
]);

/** Properties of a persistent message with these headers. */
export function propertiesOf(headers: Headers, kept: Bookkeeping = {}): Options.Publish {
  const { datacontenttype, ...attributes } = headers;
  const named = Object.entries(attributes).map(([name, value]) => [`cloudEvents:${name}`, value]);
  const sentAt = Date.parse(headers.time ?? '');
  return {
    persistent: true,
    mandatory: true,
    messageId: headers.id,
    contentType: datacontenttype,
    timestamp: Number.isNaN(sentAt) ? undefined : Math.floor(sentAt / 1_000),
    headers: { ...Object.fromEntries(named), ...bookkeepingHeaders(kept) },
  };
}

/** Properties of a copy of the message: its own headers, with other bookkeeping. */
export function copyOf(message: ConsumeMessage, kept: Bookkeeping): Options.Publish {
  const { messageId, contentType, contentEncoding, timestamp, type, appId, correlationId } =
    message.properties;
  const headers = Object.fromEntries(
    Object.entries(message.properties.headers ?? {}).filter(([name]) => !INTERNAL.has(name)),
  );
  return {
    ...{ messageId, contentType, contentEncoding, timestamp, type, appId, correlationId },
    persistent: true,
    mandatory: true,
    headers: { ...headers, ...bookkeepingHeaders(kept) },
  };
}

/** Returns attributes under their plain names, and all other headers under their own. */
export function headersOf(message: ConsumeMessage): Headers {
  const { contentType, messageId, headers = {} } = message.properties;
  const carried = Object.entries(headers).filter(([name]) => !INTERNAL.has(name));
  const others = carried
    .filter(([name]) => !PREFIX.test(name))
    .map(([name, value]) => [name, text(value)]);
  const attributes = carried
    .filter(([name]) => PREFIX.test(name))
    .map(([name, value]) => [name.replace(PREFIX, ''), text(value)] as const);
  const properties = Object.entries({
    id: messageId as string,
    datacontenttype: contentType as string,
  }).filter(([, value]) => value);
  return {
    ...Object.fromEntries([...others, ...properties]),
    ...joinedByName(attributes),
  } as Headers;
}

/**
 * Attempts recorded by copies. Further deliveries counted by the broker had no outcome, or were
 * returned.
 */
export function attemptOf(message: ConsumeMessage): number {
  return number(message, ATTEMPT, 1);
}

/** Deliveries by the broker, as far as its count and the copies tell. */
export function deliveriesOf(message: ConsumeMessage): number {
  return attemptOf(message) + number(message, 'x-delivery-count', 0);
}

/**
 * Returns by the broker before a message is suspected. The broker counts messages returned by a
 * stopping instance like those of a process that died, so the first return is not held against a
 * message.
 */
const RETURNS_UNSUSPECTED = 1;

/** True when the message may have ended its processes. */
export const isSuspect = (message: ConsumeMessage): boolean =>
  number(message, 'x-delivery-count', 0) > RETURNS_UNSUSPECTED;

export function remainingOf(message: ConsumeMessage): number {
  return number(message, REMAINING, 0);
}

export function failureOf(message: ConsumeMessage): Failure | undefined {
  const kept: unknown = message.properties.headers?.[FAILURE];
  try {
    return typeof kept === 'string' ? (JSON.parse(kept) as Failure) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Why the broker dead-lettered a message (`delivery_limit`, `rejected`, `expired`), in which queue,
 * and when.
 */
export function deathOf(message: ConsumeMessage): { reason: string; queue: string; at: Date } {
  const [death] = (message.properties.headers?.['x-death'] ?? []) as Array<{
    reason?: string;
    queue?: string;
    time?: { value?: number };
  }>;
  const seconds = death?.time?.value;
  return {
    reason: death?.reason ?? 'unknown',
    queue: death?.queue ?? 'unknown',
    at: seconds ? new Date(seconds * 1_000) : new Date(),
  };
}

function bookkeepingHeaders({ attempt, failure, remaining }: Bookkeeping): Record<string, unknown> {
  return {
    ...(attempt && { [ATTEMPT]: attempt }),
    ...(failure && { [FAILURE]: JSON.stringify(failure) }),
    ...(remaining && { [REMAINING]: remaining }),
  };
}

function number(message: ConsumeMessage, name: string, otherwise: number): number {
  const value: unknown = message.properties.headers?.[name];
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : otherwise;
}

function text(value: unknown): string {
  return typeof value === 'string'
    ? value
    : Buffer.isBuffer(value)
      ? value.toString()
      : (JSON.stringify(value) ?? String(value));
}
