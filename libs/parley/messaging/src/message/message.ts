import type { Contract } from '@parley/contract';

/**
 * The envelope of a payload: the attributes of CloudEvents 1.0, under their names on the wire.
 * Every technology carries them in CloudEvents' own binding for it (AMQP `cloudEvents:id`, Kafka
 * `ce_id`, HTTP `ce-id` …).
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
  /** The time of sending, ISO 8601. */
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly contractversion: string;
  /** The same for all messages that follow from one request from the outside. */
  readonly correlationid: string;
  /** The id of the message whose handling sent this one. */
  readonly causationid?: string;
  /** The value of the contract's key: the message's lane. */
  readonly partitionkey?: string;
  /** Commands only: it does not wait for a dead letter of its lane. */
  readonly passdeadletters?: 'true';
  /** Chosen by the sender: messages of one service under the same key take effect once. */
  readonly idempotencykey?: string;
  /** The time after which it is not worth handling, ISO 8601. */
  readonly expirytime?: string;
  /** Of work that can wait: under overload its calls are refused first. */
  readonly priority?: 'batch';
  /** W3C Trace Context of the hop that sent it. */
  readonly traceparent: string;
  /** W3C Trace Context: what tracing systems added to it. */
  readonly tracestate?: string;
  /** The process and build that sent it: bad data can be traced to its source. */
  readonly producerinstance: string;
  readonly producerbuild: string;
  /**
   * Broadcasts only: counts up per publishing instance and contract, so that a subscriber notices
   * gaps.
   */
  readonly sequence?: string;
  /**
   * Name of the body in the claim store, when it was too large to travel: `urn:uuid:…`. The body is
   * empty then.
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

/** The headers of a message as every technology delivers them: names and values are text. */
export type Headers = Readonly<Record<string, string>>;

/** The envelope as headers, absent attributes left out. */
export function headersOf(envelope: Envelope): Headers {
  return Object.fromEntries(
    Object.entries(envelope).filter(([, value]) => value !== undefined),
  ) as Headers;
}
