import {
  type Failure,
  fromStructured,
  type Headers,
  headersOf as envelopeHeaders,
  joinedByName,
  type OutgoingMessage,
} from '@parley/messaging/transport';
import rhea, { type Message } from 'rhea';

/*
 * CloudEvents over AMQP 1.0, binary mode: attributes are application properties
 * `cloudEvents_<name>` (that spelling, for it is a name for JMS, too), the content type is
 * `datacontenttype`, the body is one data section.
 */
const PREFIX = /^cloudEvents[:_]/;
const ATTEMPT = 'parley_attempt';
const FAILURE = 'parley_failure';
const INTERNAL = new Set([ATTEMPT, FAILURE]);
const DELAY = 'x-opt-delivery-delay';

/** State that travels with a command that comes back. */
export interface Bookkeeping {
  /** Handings-over that count, this one included. */
  readonly attempt: number;
  readonly failure?: Failure;
}

type Properties = Readonly<Record<string, unknown>>;

/** A message on its way to the broker. `durable`: it must not get lost. */
export function messageOf({ envelope, body, delay }: OutgoingMessage, durable: boolean): Message {
  const { datacontenttype, ...attributes } = envelopeHeaders(envelope);
  const named = Object.entries(attributes).map(([name, value]) => [`cloudEvents_${name}`, value]);
  const sentAt = Date.parse(envelope.time);
  return {
    durable,
    message_id: envelope.id,
    content_type: datacontenttype,
    ...(!Number.isNaN(sentAt) && { creation_time: new Date(sentAt) }),
    application_properties: Object.fromEntries(named),
    ...delayed(delay),
    body: rhea.message.data_section(body),
  };
}

/**
 * The same message once more: its own properties and body, with other bookkeeping, not before
 * `delay` milliseconds.
 */
export function copyOf(
  message: Message,
  { attempt, failure }: Bookkeeping,
  delay?: number,
): Message {
  const {
    message_id,
    correlation_id,
    content_type,
    content_encoding,
    creation_time,
    subject,
    body,
  } = message;
  const kept = { [ATTEMPT]: attempt, ...(failure && { [FAILURE]: JSON.stringify(failure) }) };
  const properties = {
    message_id,
    correlation_id,
    content_type,
    content_encoding,
    creation_time,
    subject,
  };
  return {
    ...(Object.fromEntries(
      Object.entries(properties).filter(([, value]) => value !== undefined && value !== null),
    ) as Partial<Message>),
    durable: true,
    application_properties: { ...message.application_properties, ...kept },
    ...delayed(delay),
    body,
  };
}

/** Attributes under their plain names; other properties under their own. */
export function received(message: Message): { readonly headers: Headers; readonly body: Buffer } {
  const body = bytesOf(message.body);
  const plain = { headers: plainHeaders(message), body };
  if (!/^application\/cloudevents\+json/i.test(String(message.content_type))) return plain;
  const structured = fromStructured(body);
  return 'type' in structured.headers ? structured : plain;
}

/** The attempt that a copy carries. The broker's additional deliveries had no outcome. */
export function attemptOf(message: Message): number {
  return whole(message.application_properties?.[ATTEMPT], 1);
}

/** Deliveries that got no answer. The broker does not count released messages. */
export const unansweredOf = (message: Message): number => whole(message.delivery_count, 0);

export function failureOf(message: Message): Failure | undefined {
  const kept: unknown = message.application_properties?.[FAILURE];
  try {
    return typeof kept === 'string' ? (JSON.parse(kept) as Failure) : undefined;
  } catch {
    return undefined;
  }
}

/** Why the broker itself gave a message up, as far as it tells, and in which queue. */
export function deathOf(message: Message): { readonly reason: string; readonly queue: string } {
  const notes = (message.message_annotations ?? {}) as Properties;
  const expired = notes['x-opt-ACTUAL-EXPIRY'] !== undefined;
  return {
    reason: expired ? 'expired' : 'rejected, or delivered too often',
    queue: String(notes['x-opt-ORIG-QUEUE'] ?? 'an unknown queue'),
  };
}

function plainHeaders({ message_id, content_type, application_properties = {} }: Message): Headers {
  const carried = Object.entries((application_properties ?? {}) as Properties).filter(
    ([name]) => !INTERNAL.has(name),
  );
  const others = carried
    .filter(([name]) => !PREFIX.test(name))
    .map(([name, value]) => [name, text(value)]);
  const attributes = carried
    .filter(([name]) => PREFIX.test(name))
    .map(([name, value]) => [name.replace(PREFIX, ''), text(value)] as const);
  const properties = Object.entries({ id: message_id, datacontenttype: content_type }).filter(
    ([, value]) => value !== undefined && value !== null,
  );
  return {
    ...Object.fromEntries([
      ...others,
      ...properties.map(([name, value]) => [name, text(value)] as const),
    ]),
    ...joinedByName(attributes),
  } as Headers;
}

/** A data section, several, or a value: foreign senders use all of them. */
function bytesOf(body: unknown): Buffer {
  if (Buffer.isBuffer(body)) return body;
  if (typeof body === 'string') return Buffer.from(body);
  if (body === undefined || body === null) return Buffer.alloc(0);
  const { typecode, content } = body as { readonly typecode?: number; readonly content?: unknown };
  if (typecode !== DATA) return Buffer.from(JSON.stringify(body));
  return Array.isArray(content) ? Buffer.concat(content as Buffer[]) : (content as Buffer);
}

const DATA = 0x75;

function delayed(delay = 0): Pick<Message, 'message_annotations'> {
  return delay > 0
    ? { message_annotations: { [DELAY]: rhea.types.wrap_long(Math.ceil(delay)) } }
    : {};
}

const whole = (value: unknown, otherwise: number): number =>
  Number.isSafeInteger(value) ? (value as number) : otherwise;

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Date) return value.toISOString();
  return Buffer.isBuffer(value) ? value.toString() : (JSON.stringify(value) ?? String(value));
}
