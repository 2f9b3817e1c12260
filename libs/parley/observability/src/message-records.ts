import { contractIfLoaded } from '@parley/contract';
import type { Envelope } from '@parley/messaging';
import {
  type DeliveryObserver,
  type Handling,
  isEncrypted,
  LogThrottle,
  masked,
  moreTimes,
  readTraceparent,
} from '@parley/messaging/transport';
import { ERROR_TYPE, MESSAGING } from './conventions';

export interface MessageRecordsOptions {
  /** URL of the console; `/v1/logs` is appended. */
  readonly endpoint: string;
  readonly service: string;
  readonly instance: string;
  readonly build: string;
  /** The token of operations. */
  readonly token?: string;
  readonly log: (level: 'warn', message: string) => void;
  /** Milliseconds since the epoch. */
  readonly timeOfDay?: () => number;
}

/** A handling that waits to be sent. */
interface Waiting extends Omit<Handling, 'kind' | 'outcome' | 'body'> {
  readonly kind: Handling['kind'] | 'call';
  readonly outcome: string;
  readonly envelope: Envelope;
  /** Undefined: it is too large to be sent. */
  readonly body?: Buffer;
  /** Size of the body in bytes; undefined for a call. */
  readonly bytes?: number;
  /** When it ended, in milliseconds since the epoch. */
  readonly at: number;
}

type Attribute =
  | { readonly key: string; readonly value: { readonly stringValue: string } }
  | { readonly key: string; readonly value: { readonly intValue: string } }
  | { readonly key: string; readonly value: { readonly doubleValue: number } };

const EVERY_MS = 1_000;
/** Records of one request. */
const AT_ONCE = 500;
/** Records that wait; further ones are dropped. */
const MOST_WAITING = 2_000;
/** Bytes of the largest body that is sent. */
const LARGEST_BODY = 32 * 1_024;
const PATIENCE_MS = 5_000;
const MILLISECONDS_TO_NANOSECONDS = '000000';

/** Attributes of the envelope that have no attribute of the record. */
const FURTHER_HEADERS = [
  'contractversion',
  'idempotencykey',
  'expirytime',
  'priority',
  'sequence',
  'dataref',
  'passdeadletters',
  'tracestate',
] as const;

/**
 * Sends a record of each handled message to the console, by OTLP: its envelope, its body and its
 * outcome. The path of a message only notes a reference; once a second the records are written and
 * sent. Personal and secret fields are masked. No message waits for the console: records that do not
 * fit into the bounded memory are dropped and counted.
 */
export class MessageRecords {
  private waiting: Waiting[] = [];
  private dropped = 0;
  private sending?: Promise<void>;
  private readonly url: string;
  private readonly timer: NodeJS.Timeout;
  private readonly throttle = new LogThrottle();
  private readonly timeOfDay: () => number;

  constructor(private readonly options: MessageRecordsOptions) {
    this.url = `${options.endpoint.replace(/\/$/, '')}/v1/logs`;
    this.timeOfDay = options.timeOfDay ?? (() => Date.now());
    this.timer = setInterval(() => void this.flush(), EVERY_MS).unref();
  }

  readonly observer: DeliveryObserver = {
    handled: ({ body, ...handling }) => {
      const { envelope, outcome } = handling;
      // A message that is given back was not handled, and comes again.
      if (!envelope || outcome === 'return') return;
      const kept = body.length <= LARGEST_BODY ? body : undefined;
      this.note({ ...handling, envelope, body: kept, bytes: body.length, at: this.timeOfDay() });
    },
    answered: ({ contract, outcome, milliseconds, envelope }) => {
      if (!envelope) return;
      const at = this.timeOfDay();
      const age = at - Date.parse(envelope.time);
      this.note({
        ...{ contract, outcome, milliseconds, envelope, at },
        kind: 'call',
        subscription: this.options.service,
        attempt: 1,
        tries: 1,
        age: Number.isNaN(age) ? milliseconds : age,
      });
    },
  };

  /** Sends all that waits. */
  flush(): Promise<void> {
    this.sending ??= this.sendAll().finally(() => {
      this.sending = undefined;
    });
    return this.sending;
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.sending;
    await this.flush();
  }

  private note(one: Waiting): void {
    if (this.waiting.length < MOST_WAITING) this.waiting.push(one);
    else this.dropped += 1;
  }

  private async sendAll(): Promise<void> {
    while (this.waiting.length > 0) {
      const some = this.waiting.splice(0, AT_ONCE);
      const { dropped } = this;
      const problem = await this.send(some, dropped);
      if (problem === undefined) {
        this.dropped -= dropped;
        continue;
      }
      this.dropped += some.length;
      this.throttle.log('messages', (more) =>
        this.options.log(
          'warn',
          `handled messages cannot be sent to ${this.url}: ${problem}${moreTimes(more)}`,
        ),
      );
      return;
    }
  }

  /** @returns why they were not taken */
  private async send(some: readonly Waiting[], dropped: number): Promise<string | undefined> {
    const { token } = this.options;
    try {
      const response = await fetch(this.url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify(this.exportOf(some, dropped)),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      await response.arrayBuffer(); // the connection is free for the next one
      return response.ok ? undefined : `${response.status} ${response.statusText}`;
    } catch (error) {
      const { message, cause } = error as Error;
      return cause instanceof Error ? `${message}: ${cause.message}` : message;
    }
  }

  private exportOf(some: readonly Waiting[], dropped: number) {
    const { service, instance, build } = this.options;
    const attributes = [
      text('service.name', service),
      text('service.instance.id', instance),
      text('service.version', build),
      ...(dropped > 0 ? [whole('parley.records.dropped', dropped)] : []),
    ];
    return {
      resourceLogs: [{ resource: { attributes }, scopeLogs: [{ logRecords: some.map(recordOf) }] }],
    };
  }
}

function recordOf(handled: Waiting) {
  const { envelope, contract, kind, subscription, outcome, attempt, tries, failure, at } = handled;
  const { milliseconds, age, body, bytes } = handled;
  const hop = readTraceparent(envelope.traceparent);
  const shown = bodyOf(contract, body);
  return {
    timeUnixNano: `${at}${MILLISECONDS_TO_NANOSECONDS}`,
    eventName: 'parley.message.handled',
    severityNumber: outcome === 'dead' ? 17 : outcome === 'retry' ? 13 : 9,
    ...(hop && { traceId: hop.traceId, spanId: hop.spanId }),
    ...(shown !== undefined && { body: { stringValue: shown } }),
    attributes: [
      text(MESSAGING.messageId, envelope.id),
      text(MESSAGING.conversationId, envelope.correlationid),
      text(MESSAGING.subscription, subscription),
      text('parley.contract', contract),
      text('parley.kind', kind),
      text('parley.outcome', outcome),
      whole('parley.attempt', attempt),
      whole('parley.tries', tries),
      number('parley.took_ms', milliseconds),
      number('parley.waited_ms', Math.max(0, age - milliseconds)),
      text('parley.sent', envelope.time),
      text('parley.source', envelope.source.replace(/^\//, '')),
      text('parley.producer.instance', envelope.producerinstance),
      text('parley.producer.build', envelope.producerbuild),
      text('parley.headers', JSON.stringify(furtherOf(envelope))),
      ...(envelope.causationid === undefined
        ? []
        : [text('parley.causation.id', envelope.causationid)]),
      ...(envelope.partitionkey === undefined ? [] : [text('parley.key', envelope.partitionkey)]),
      ...(bytes === undefined ? [] : [whole(MESSAGING.bodySize, bytes)]),
      ...(failure
        ? [text(ERROR_TYPE, failure.error), text('parley.error.message', failure.message)]
        : []),
    ],
  };
}

/**
 * The body as people may see it. None: it is too large, it is no JSON, or nobody here knows which of
 * its fields are personal.
 */
function bodyOf(name: string, body: Buffer | undefined): string | undefined {
  if (!body?.length) return undefined;
  const contract = contractIfLoaded(name);
  if (!contract) return undefined;
  try {
    return isEncrypted(contract)
      ? JSON.stringify(masked(JSON.parse(body.toString('utf8')) as unknown, contract))
      : body.toString('utf8');
  } catch {
    return undefined;
  }
}

function furtherOf(envelope: Envelope): Record<string, string> {
  const further: Record<string, string> = {};
  for (const name of FURTHER_HEADERS) {
    const value = envelope[name];
    if (value !== undefined) further[name] = value;
  }
  return further;
}

const text = (key: string, value: string): Attribute => ({ key, value: { stringValue: value } });
const whole = (key: string, value: number): Attribute => ({
  key,
  value: { intValue: String(value) },
});
const number = (key: string, value: number): Attribute => ({ key, value: { doubleValue: value } });
