import type { Message, MessageAttributeValue } from '@aws-sdk/client-sqs';
import {
  type Failure,
  fromStructured,
  type Headers,
  toStructured,
} from '@parley/messaging/transport';

/*
 * A command is a CloudEvent in structured JSON mode, the body of an SQS message. CloudEvents has no
 * binding for SQS, and as attributes it would not fit: SQS allows ten. The few attributes are the
 * content type, and the state of a command that comes back.
 */

/** Bytes of a message, its attributes included, and of a request. */
export const MAX_MESSAGE_BYTES = 1_048_576;
/** Bytes of the largest body: the rest is for an envelope and the failure of a retry. */
export const LARGEST_BODY = MAX_MESSAGE_BYTES - 40_960;

/** State that travels with a command that comes back. */
export interface Bookkeeping {
  /** Handings-over that count, this one included. */
  readonly attempt?: number;
  readonly failure?: Failure;
  /** Milliseconds of a long delay that are still to be waited for afterwards. */
  readonly remaining?: number;
}

/** A message as SQS takes it, wherever it goes. */
export interface SqsMessage {
  readonly MessageBody: string;
  readonly MessageAttributes: Record<string, MessageAttributeValue>;
}

const CONTENT_TYPE = 'content-type';
const ATTEMPT = 'x-attempt';
const FAILURE = 'x-failure';
const REMAINING = 'x-remaining';

export function sqsMessageOf(headers: Headers, body: Buffer, kept: Bookkeeping = {}): SqsMessage {
  const type = text('application/cloudevents+json; charset=UTF-8');
  return {
    MessageBody: sayable(toStructured(headers, body)),
    MessageAttributes: { [CONTENT_TYPE]: type, ...bookkeeping(kept) },
  };
}

/** The same message once more, with other bookkeeping. */
export function copyOf(message: Message, kept: Bookkeeping): SqsMessage {
  const { [ATTEMPT]: _a, [FAILURE]: _f, [REMAINING]: _r, ...own } = message.MessageAttributes ?? {};
  const copy = (with_: Bookkeeping) => ({
    MessageBody: message.Body ?? '',
    MessageAttributes: { ...own, ...bookkeeping(with_) },
  });
  const whole = copy(kept);
  if (!kept.failure || sizeOf(whole) <= MAX_MESSAGE_BYTES) return whole;
  return copy({ ...kept, failure: { ...kept.failure, stack: '' } });
}

/**
 * The headers and the body. A message that is no CloudEvent has no headers, and is kept unchanged.
 */
export function contentOf(message: Message): { readonly headers: Headers; readonly body: Buffer } {
  return fromStructured(Buffer.from(message.Body ?? ''));
}

/**
 * The attempt that a copy carries. SQS's additional receives had no outcome, or were given back.
 */
export function attemptOf(message: Message): number {
  return numberIn(message, ATTEMPT, 1);
}

/** How often SQS handed it over, as far as it and the copies tell. */
export function deliveriesOf(message: Message): number {
  return attemptOf(message) + Math.max(0, receivedTimes(message) - 1);
}

/**
 * SQS counts messages that a stopping instance gives back like those of an ended process; the first
 * one is not held against a message.
 */
const RECEIVED_UNSUSPECTED = 2;

/** True when its processes may have ended of it. */
export const isSuspect = (message: Message): boolean =>
  receivedTimes(message) > RECEIVED_UNSUSPECTED;

const receivedTimes = ({ Attributes }: Message): number =>
  Number(Attributes?.ApproximateReceiveCount ?? 1);

export function remainingOf(message: Message): number {
  return numberIn(message, REMAINING, 0);
}

export function failureOf(message: Message): Failure | undefined {
  try {
    return JSON.parse(message.MessageAttributes?.[FAILURE]?.StringValue ?? '') as Failure;
  } catch {
    return undefined;
  }
}

/** As SQS counts: body, and names, types and values of attributes. */
export function sizeOf({ MessageBody, MessageAttributes }: SqsMessage): number {
  const bytes = (value: string | undefined) => Buffer.byteLength(value ?? '');
  const attributes = Object.entries(MessageAttributes).map(
    ([name, value]) =>
      bytes(name) +
      bytes(value.DataType) +
      bytes(value.StringValue) +
      (value.BinaryValue?.length ?? 0),
  );
  return attributes.reduce((sum, size) => sum + size, bytes(MessageBody));
}

function bookkeeping({
  attempt,
  failure,
  remaining,
}: Bookkeeping): Record<string, MessageAttributeValue> {
  return {
    ...(attempt !== undefined && { [ATTEMPT]: number(attempt) }),
    ...(failure && { [FAILURE]: text(sayable(JSON.stringify(failure))) }),
    ...(remaining && { [REMAINING]: number(remaining) }),
  };
}

function numberIn({ MessageAttributes }: Message, name: string, otherwise: number): number {
  const value = Number(MessageAttributes?.[name]?.StringValue ?? NaN);
  return Number.isSafeInteger(value) && value >= 0 ? value : otherwise;
}

const text = (value: string): MessageAttributeValue => ({ DataType: 'String', StringValue: value });
const number = (value: number): MessageAttributeValue => ({
  DataType: 'Number',
  StringValue: String(value),
});

/**
 * SQS takes the characters of XML only. In JSON the others can be escaped, and most of them are
 * already.
 */
const sayable = (json: string): string =>
  json.replace(/[\ufffe\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16)}`);
