import type { Failure, Headers } from '@parley/messaging/transport';
import type { ConsumeMessage, Options } from 'amqplib';

/*
 * CloudEvents over AMQP, binary mode: attributes are message headers `cloudEvents:<name>`, the
 * content type is `datacontenttype`, the body is the data. Nothing of Nest's is on the wire.
 */
const PREFIX = /^cloudEvents[:_]/;

/** What travels along with a command that comes back. */
export interface Bookkeeping {
  /** Handings-over that count, this one included. */
  readonly attempt?: number;
  readonly failure?: Failure;
  /** Milliseconds of a long delay that are still to be waited for afterwards. */
  readonly remaining?: number;
}

const ATTEMPT = 'x-attempt';
const FAILURE = 'x-failure';
const REMAINING = 'x-remaining';
/** Ours or the broker's: not part of the message. */
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

/** Headers as properties of a message that must not get lost. */
export function propertiesOf(headers: Headers, kept: Bookkeeping = {}): Options.Publish {
  const { datacontenttype, ...attributes } = headers;
  const named = Object.entries(attributes).map(([name, value]) => [`cloudEvents:${name}`, value]);
  const said = Date.parse(headers.time ?? '');
  return {
    persistent: true,
    mandatory: true,
    messageId: headers.id,
    contentType: datacontenttype,
    timestamp: Number.isNaN(said) ? undefined : Math.floor(said / 1_000),
    headers: { ...Object.fromEntries(named), ...bookkeepingHeaders(kept) },
  };
}

/** The same message once more: its own properties and headers, with other bookkeeping. */
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

/** Attributes under their plain names; whatever else was carried along under its own. */
export function headersOf(message: ConsumeMessage): Headers {
  const { contentType, messageId, headers = {} } = message.properties;
  const carried = Object.entries(headers).filter(([name]) => !INTERNAL.has(name));
  const others = carried
    .filter(([name]) => !PREFIX.test(name))
    .map(([name, value]) => [name, text(value)]);
  const attributes = carried
    .filter(([name]) => PREFIX.test(name))
    .map(([name, value]) => [name.replace(PREFIX, ''), text(value)]);
  const properties = Object.entries({
    id: messageId as string,
    datacontenttype: contentType as string,
  }).filter(([, value]) => value);
  return Object.fromEntries([...others, ...properties, ...attributes]) as Headers;
}

/** What a copy says. What the broker counts on top had no outcome, or was given back. */
export function attemptOf(message: ConsumeMessage): number {
  return number(message, ATTEMPT, 1);
}

/** How often the broker handed it out, as far as it and the copies tell. */
export function deliveriesOf(message: ConsumeMessage): number {
  return attemptOf(message) + number(message, 'x-delivery-count', 0);
}

/**
 * The broker counts what a stopping instance gives back as it counts what a process ended with; the
 * first one is not held against a message.
 */
const RETURNS_UNSUSPECTED = 1;

/** Whether its processes may have ended of it. */
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
 * Why the broker itself gave a message up: `delivery_limit`, `rejected`, `expired`; in which queue,
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
