import type { Contract } from '@parley/contract';

/**
 * What travels around a payload: the attributes of CloudEvents 1.0, under the names they have on
 * the wire. Every technology carries them in CloudEvents' own binding for it (AMQP
 * `cloudEvents:id`, Kafka `ce_id`, HTTP `ce-id` …).
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
 */
export interface Envelope {
  readonly specversion: '1.0';
  /** A UUID. The same on every redelivery and replay: the inbox knows a message by it. */
  readonly id: string;
  /** The contract's wire name. */
  readonly type: string;
  /** The sending service, as a path: `/orders`. */
  readonly source: string;
  /** When it was said, ISO 8601. */
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly contractversion: string;
  /** Same for everything one request from the outside set off. */
  readonly correlationid: string;
  /** The id of the message whose handling said this one. */
  readonly causationid?: string;
  /** The value of the contract's key: the message's lane. */
  readonly partitionkey?: string;
  /**
   * Chosen by whoever said it: what is said again under it, by the same service, takes effect once.
   */
  readonly idempotencykey?: string;
  /** When it stops being worth handling, ISO 8601. */
  readonly expirytime?: string;
  /** W3C Trace Context of the hop that said it. */
  readonly traceparent: string;
  /** Which process and build said it: who passed bad data always has an answer. */
  readonly producerinstance: string;
  readonly producerbuild: string;
  /**
   * Broadcasts only: counts up per publishing instance and contract, so that a subscriber can tell
   * that it missed some.
   */
  readonly sequence?: string;
  /**
   * Where the body waits, when it was too large to travel: `urn:uuid:…`, a name in the claim store.
   * The body is empty then.
   */
  readonly dataref?: string;
}

/** A message on its way out: validated, encoded, not yet anywhere. */
export interface OutgoingMessage {
  readonly contract: Contract;
  readonly envelope: Envelope;
  readonly body: Buffer;
  /** Milliseconds to hold it back from its handler. Commands only. */
  readonly delay?: number;
}

/** The headers of a message as every technology hands them over: names and values are text. */
export type Headers = Readonly<Record<string, string>>;

/** The envelope as headers, absent attributes left out. */
export function headersOf(envelope: Envelope): Headers {
  return Object.fromEntries(
    Object.entries(envelope).filter(([, value]) => value !== undefined),
  ) as Headers;
}
