import { randomUUID } from 'node:crypto';
import { keyOf, type Contract } from '@parley/contract';
import type { Clock } from '../clock';
import { InvalidMessageError } from './codec';
import { currentConversation } from './handler-context';
import { MAX_ATTRIBUTE_CHARACTERS, refuseBeyondLimits, refuseLongNames } from './envelope-limits';
import type { Envelope, Headers } from './message';
import { deterministicMessageId } from './message-id';
import { nextHop, readTracestate, type TraceContext } from './trace';

/**
 * A header that a transport sets when it cannot read the technology's headers: the reason. The
 * message becomes a dead letter.
 */
export const UNREADABLE = 'unreadable';

const VERSION = /^[1-9]\d{0,8}$/;
const JSON_TYPE = /^application\/json(;|$)/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Writes the envelopes of one process. */
export class Envelopes {
  /** Broadcasts sent so far, by contract. */
  private readonly sequences = new Map<string, number>();

  constructor(
    private readonly producer: {
      readonly service: string;
      readonly instance: string;
      readonly build: string;
    },
    private readonly clock: Clock,
  ) {
    refuseLongNames(producer);
  }

  /**
   * The envelope of a message that is sent now, as part of the conversation of the current code.
   * @throws InvalidMessageError beyond the limits of readers
   */
  write(
    contract: Contract,
    payload: unknown,
    options: {
      readonly expires?: number;
      readonly idempotencyKey?: string;
      readonly passDeadLetters?: boolean;
      readonly priority?: 'interactive' | 'batch';
      /** Of the span that sends it. Default: a new hop of the conversation. */
      readonly trace?: TraceContext;
    } = {},
  ): Envelope {
    const conversation = currentConversation();
    const source = `/${this.producer.service}`;
    const key = options.idempotencyKey;
    const id =
      key === undefined || contract.kind === 'call'
        ? randomUUID()
        : deterministicMessageId(source, contract.name, key);
    const now = this.clock.now();
    const envelope: Envelope = {
      specversion: '1.0',
      id,
      type: contract.name,
      source,
      time: new Date(now).toISOString(),
      datacontenttype: 'application/json',
      contractversion: String(contract.version),
      correlationid: conversation?.correlationId ?? id,
      causationid: conversation?.messageId,
      partitionkey: keyOf(contract, payload),
      passdeadletters: options.passDeadLetters ? 'true' : undefined,
      idempotencykey: key,
      expirytime:
        options.expires === undefined ? undefined : new Date(now + options.expires).toISOString(),
      priority: (options.priority ?? conversation?.priority) === 'batch' ? 'batch' : undefined,
      traceparent: options.trace?.traceparent ?? nextHop(conversation?.traceparent),
      tracestate: options.trace ? options.trace.tracestate : conversation?.tracestate,
      producerinstance: this.producer.instance,
      producerbuild: this.producer.build,
    };
    refuseBeyondLimits(contract, envelope);
    return contract.kind === 'broadcast'
      ? { ...envelope, sequence: this.next(contract.name) }
      : envelope;
  }

  private next(contract: string): string {
    const sequence = (this.sequences.get(contract) ?? 0) + 1;
    this.sequences.set(contract, sequence);
    return String(sequence);
  }
}

/**
 * The envelope of a message from an unknown sender. Attributes that handlers need must be present
 * and valid; the others get defaults.
 * @throws InvalidMessageError
 */
export function readEnvelope(headers: Headers): Envelope {
  const {
    id,
    type,
    specversion = '1.0',
    datacontenttype = 'application/json',
    contractversion = '1',
  } = headers;
  if (headers[UNREADABLE] !== undefined)
    throw new InvalidMessageError('envelope', [
      { path: '', message: `headers cannot be read: ${headers[UNREADABLE]}` },
    ]);
  if (type === undefined || type.trim() !== type || type === '')
    throw invalid('type', 'names no contract');
  if (id === undefined || !UUID.test(id)) throw invalid('id', 'is not a UUID');
  for (const name of ATTRIBUTES) {
    if ((headers[name]?.length ?? 0) > MAX_ATTRIBUTE_CHARACTERS)
      throw invalid(name, `is longer than ${MAX_ATTRIBUTE_CHARACTERS} characters`);
  }
  if (specversion !== '1.0') throw invalid('specversion', 'is not 1.0');
  if (!JSON_TYPE.test(datacontenttype)) throw invalid('datacontenttype', 'is not application/json');
  if (!VERSION.test(contractversion)) throw invalid('contractversion', 'is not a version');
  // A message with an unreadable expiry time would never expire.
  if (headers.expirytime !== undefined && !isTime(headers.expirytime))
    throw invalid('expirytime', 'is not a time');
  return {
    ...pick(headers),
    specversion: '1.0',
    id,
    type,
    source: headers.source ?? '/unknown',
    time: isTime(headers.time) ? headers.time : new Date(0).toISOString(),
    datacontenttype: 'application/json',
    contractversion,
    correlationid: headers.correlationid?.trim() || id,
    priority: headers.priority === 'batch' ? 'batch' : undefined,
    traceparent: nextHop(headers.traceparent),
    tracestate: readTracestate(headers.tracestate),
    producerinstance: headers.producerinstance ?? 'unknown',
    producerbuild: headers.producerbuild ?? 'unknown',
  };
}

const OPTIONAL = [
  'causationid',
  'partitionkey',
  'expirytime',
  'sequence',
  'dataref',
  'idempotencykey',
] as const;
const ATTRIBUTES = [
  'id',
  'type',
  'source',
  'time',
  'contractversion',
  'correlationid',
  'producerinstance',
  'producerbuild',
  ...OPTIONAL,
] as const;

function pick(headers: Headers): Pick<Envelope, (typeof OPTIONAL)[number]> {
  const { causationid, partitionkey, expirytime, sequence, dataref, idempotencykey } = headers;
  return { causationid, partitionkey, expirytime, sequence, dataref, idempotencykey };
}

const isTime = (text?: string): text is string => !Number.isNaN(Date.parse(text ?? ''));

const invalid = (attribute: string, message: string) =>
  new InvalidMessageError('envelope', [{ path: attribute, message }]);
