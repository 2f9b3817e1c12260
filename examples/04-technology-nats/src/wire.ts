import {
  fromStructured,
  type Headers,
  headersOf,
  type OutgoingMessage,
  toStructured,
} from '@parley/messaging/transport';

/*
 * A message is a CloudEvent in structured JSON mode, the payload of a NATS message.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/nats-protocol-binding.md
 */

/** `$JS.ACK.`, domain and account where there are any, stream, consumer, count, sequence, … */
const REPLY = /^\$JS\.ACK\.(?:[^.]+\.[^.]+\.)?[^.]+\.[^.]+\.(\d+)\.(\d+)\.\d+\.\d+\.\d+/;

/** Bytes of a payload that are kept for the envelope. */
export const ENVELOPE_BYTES = 32_768;

export const payloadOf = ({ envelope, body }: OutgoingMessage): Buffer =>
  Buffer.from(toStructured(headersOf(envelope), body));

/** The headers and the body. A payload that is no CloudEvent has no headers, and stays as it is. */
export const contentOf = (
  payload: Uint8Array,
): { readonly headers: Headers; readonly body: Buffer } => fromStructured(Buffer.from(payload));

/**
 * How often a message was delivered, this time included, and its number in the stream: parts of the
 * subject to which it is acknowledged. https://docs.nats.io/reference/reference-protocols/nats_api_reference
 */
export function deliveryOf(reply = ''): { readonly count: number; readonly sequence: number } {
  const [, count, sequence] = REPLY.exec(reply) ?? [];
  return { count: Number(count), sequence: Number(sequence) };
}
