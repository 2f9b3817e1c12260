import { storable } from '@parley/messaging/transport';
import type { HandlingRow, MessageRow, SpanRow } from './rows';

/*
 * OpenTelemetry's protocol (OTLP 1.x) over HTTP, as JSON or protobuf: the fields that are kept.
 * Others are skipped by both readers.
 */

/** The name of a record about a handling; its attributes are those of message-records.ts. */
const HANDLED = 'parley.message.handled';

type Attributes = Readonly<Record<string, unknown>>;

interface KeyValue {
  readonly key: string;
  readonly value?: {
    readonly stringValue?: string;
    readonly boolValue?: boolean;
    /** 64 bits, as a text. */
    readonly intValue?: string | number;
    readonly doubleValue?: number;
    readonly arrayValue?: { readonly values?: readonly KeyValue['value'][] };
  };
}

interface Resource {
  readonly attributes?: readonly KeyValue[];
}

export interface TraceExport {
  readonly resourceSpans?: readonly {
    readonly resource?: Resource;
    readonly scopeSpans?: readonly { readonly spans?: readonly ExportedSpan[] }[];
  }[];
}

interface ExportedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name?: string;
  readonly kind?: number;
  readonly startTimeUnixNano?: string | number;
  readonly endTimeUnixNano?: string | number;
  readonly attributes?: readonly KeyValue[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly events?: readonly {
    readonly name?: string;
    readonly attributes?: readonly KeyValue[];
  }[];
  readonly status?: { readonly code?: number };
}

export interface LogExport {
  readonly resourceLogs?: readonly {
    readonly resource?: Resource;
    readonly scopeLogs?: readonly { readonly logRecords?: readonly ExportedRecord[] }[];
  }[];
}

interface ExportedRecord {
  readonly timeUnixNano?: string | number;
  readonly eventName?: string;
  readonly body?: KeyValue['value'];
  readonly attributes?: readonly KeyValue[];
  readonly traceId?: string;
  readonly spanId?: string;
}

/** A handling and its message. */
export interface HandledMessage {
  readonly message: MessageRow;
  readonly handling: HandlingRow;
}

const KINDS = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
const FAILED = 2;
/** Characters of a text that has no bound of its own. */
const LONGEST = 1_000;
/** Of a name or an id. */
const LONGEST_NAME = 200;
const MOST_LINKS = 50;

export function spansIn({ resourceSpans = [] }: TraceExport): readonly SpanRow[] {
  return resourceSpans.flatMap(({ resource, scopeSpans = [] }) => {
    const about = originOf(resource);
    return scopeSpans.flatMap(({ spans = [] }) =>
      spans.flatMap((span) => (isIdentified(span) ? spanOf(span, about) : [])),
    );
  });
}

export function handledIn({ resourceLogs = [] }: LogExport): readonly HandledMessage[] {
  return resourceLogs.flatMap(({ resource, scopeLogs = [] }) => {
    const about = originOf(resource);
    return scopeLogs.flatMap(({ logRecords = [] }) =>
      logRecords.flatMap((record) => handledOf(record, about) ?? []),
    );
  });
}

/** Handlings that the senders of these records had to drop. */
export function droppedBySendersIn({ resourceLogs = [] }: LogExport): number {
  return resourceLogs.reduce((sum, { resource }) => {
    const droppedBySenders = Number(
      attributesOf(resource?.attributes)['parley.records.dropped'] ?? 0,
    );
    return (
      sum + (Number.isSafeInteger(droppedBySenders) && droppedBySenders > 0 ? droppedBySenders : 0)
    );
  }, 0);
}

interface Origin {
  readonly service: string;
  readonly instance: string | null;
  readonly build: string | null;
}

function originOf(resource: Resource | undefined): Origin {
  const about = attributesOf(resource?.attributes);
  return {
    service: nameIn(about['service.name']) ?? 'unknown',
    instance: nameIn(about['service.instance.id']),
    build: nameIn(about['service.version']),
  };
}

const isIdentified = ({ traceId, spanId }: ExportedSpan): boolean =>
  /^[\da-f]{32}$/i.test(traceId) && /^[\da-f]{16}$/i.test(spanId);

function spanOf(span: ExportedSpan, origin: Origin): SpanRow {
  const { traceId, spanId, parentSpanId, name, kind = 0, links = [], events = [] } = span;
  const started = microseconds(span.startTimeUnixNano);
  const noted = events.slice(0, MOST_LINKS).map(({ name = '', attributes }) => ({
    name: cut(name, LONGEST_NAME),
    ...attributesOf(attributes),
  }));
  return {
    ...origin,
    trace: traceId.toLowerCase(),
    id: spanId.toLowerCase(),
    parent: parentSpanId ? cut(parentSpanId.toLowerCase(), 16) : null,
    name: cut(name ?? '', LONGEST_NAME),
    kind: KINDS[kind] ?? 'internal',
    started,
    took: Math.max(0, microseconds(span.endTimeUnixNano) - started),
    failed: span.status?.code === FAILED,
    attributes: {
      ...attributesOf(span.attributes),
      ...(noted.length > 0 && { events: noted }),
    },
    links:
      links.length === 0
        ? null
        : links
            .slice(0, MOST_LINKS)
            .map(({ traceId, spanId }) => ({ trace: cut(traceId, 32), span: cut(spanId, 16) })),
  };
}

/** Undefined: it is about something else, or names no message. */
function handledOf(record: ExportedRecord, origin: Origin): HandledMessage | undefined {
  if (record.eventName !== HANDLED) return undefined;
  const about = namedIn(record.attributes);
  const id = nameIn(about['messaging.message.id']);
  const contract = nameIn(about['parley.contract']);
  if (id === null || contract === null) return undefined;
  const at = timeOf(microseconds(record.timeUnixNano) / 1_000);
  const sent = Date.parse(String(about['parley.sent'] ?? ''));
  const trace = record.traceId ? cut(record.traceId, 32) : null;
  return {
    message: {
      id,
      sent: Number.isNaN(sent) ? at : timeOf(sent),
      contract,
      kind: nameIn(about['parley.kind']) ?? 'event',
      source: nameIn(about['parley.source']) ?? 'unknown',
      instance: nameIn(about['parley.producer.instance']),
      build: nameIn(about['parley.producer.build']),
      key: textIn(about['parley.key']),
      correlation: nameIn(about['messaging.message.conversation_id']),
      causation: nameIn(about['parley.causation.id']),
      trace,
      bytes:
        about['messaging.message.body.size'] === undefined
          ? null
          : numberIn(about['messaging.message.body.size']),
      headers: headersIn(about['parley.headers']),
      body: record.body?.stringValue === undefined ? null : storable(record.body.stringValue),
    },
    handling: {
      ...origin,
      message: id,
      at,
      subscription: nameIn(about['messaging.destination.subscription.name']) ?? origin.service,
      outcome: nameIn(about['parley.outcome']) ?? 'done',
      attempt: numberIn(about['parley.attempt'], 1),
      tries: numberIn(about['parley.tries'], 1),
      took: numberIn(about['parley.took_ms']),
      waited: numberIn(about['parley.waited_ms']),
      error: nameIn(about['error.type']),
      reason: textIn(about['parley.error.message']),
      trace,
      span: record.spanId ? cut(record.spanId, 16) : null,
    },
  };
}

/** A JSON object of texts. */
function headersIn(value: unknown): MessageRow['headers'] {
  if (typeof value !== 'string') return null;
  try {
    const headers = JSON.parse(value) as Record<string, unknown>;
    return Object.fromEntries(
      Object.entries(headers).map(([name, text]) => [
        cut(name, LONGEST_NAME),
        cut(String(text), LONGEST),
      ]),
    );
  } catch {
    return null;
  }
}

function attributesOf(pairs: readonly KeyValue[] = []): Attributes {
  const attributes: Record<string, unknown> = {};
  for (const { key, value } of pairs) attributes[cut(key, LONGEST_NAME)] = valueOf(value);
  return attributes;
}

/** Attributes as they came. Their readers bound them, by `nameIn`, `textIn` and `numberIn`. */
function namedIn(pairs: readonly KeyValue[] = []): Attributes {
  const attributes: Record<string, unknown> = {};
  for (const { key, value } of pairs)
    attributes[key] = value?.stringValue ?? value?.doubleValue ?? value?.intValue;
  return attributes;
}

function valueOf(value: KeyValue['value']): unknown {
  if (value === undefined) return null;
  if (value.stringValue !== undefined) return cut(value.stringValue, 32 * LONGEST);
  if (value.intValue !== undefined) return Number(value.intValue);
  return value.boolValue ?? value.doubleValue ?? value.arrayValue?.values?.map(valueOf) ?? null;
}

const textIn = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? cut(value, LONGEST) : null;
const nameIn = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? cut(value, LONGEST_NAME) : null;

const LARGEST_INT = 2 ** 31 - 1;
function numberIn(value: unknown, otherwise = 0): number {
  const number = Number(value ?? otherwise);
  return Number.isFinite(number) ? Math.min(Math.max(number, 0), LARGEST_INT) : otherwise;
}

function microseconds(nanoseconds: string | number = 0): number {
  const number = Math.round(Number(nanoseconds) / 1_000);
  return Number.isSafeInteger(number) && number >= 0 ? number : 0;
}

/** The last millisecond of the year 9999. */
const END_OF_TIME = 253_402_300_799_999;
const timeOf = (milliseconds: number): string =>
  new Date(Math.min(Math.max(0, milliseconds), END_OF_TIME)).toISOString();

const cut = (text: string, longest: number): string =>
  storable(text.length > longest ? text.slice(0, longest) : text);
