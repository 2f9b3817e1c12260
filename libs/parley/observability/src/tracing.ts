import {
  type Attributes,
  type Context,
  context,
  createTraceState,
  type Link,
  ROOT_CONTEXT,
  type Span as ApiSpan,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import { currentConversation, type Envelope } from '@parley/messaging';
import {
  callPathOf,
  callStatusOf,
  type CreateSpan,
  type Ended,
  type Handled,
  type HandledTogether,
  keyHash,
  type OutgoingMessage,
  readTraceparent,
  readTracestate,
  type ReceivedMessage,
  type Span,
  type SpanAttributes,
  type TraceContext,
  type Tracing,
} from '@parley/messaging/transport';
import { ERROR_TYPE, HTTP, MESSAGING, RPC, systemOf } from './conventions';

/**
 * Milliseconds after which a message does not continue the trace of its sender any more, but links
 * to it: it was delayed, or waited in a backlog.
 */
const LATE_MS = 60_000;

/** Fields of a message, under the names that its envelope and its headers share. */
type MessageFields = Partial<
  Pick<
    Envelope,
    'id' | 'correlationid' | 'partitionkey' | 'traceparent' | 'tracestate' | 'time' | 'type'
  >
>;

type SendableContract = Parameters<Tracing['create']>[0];

const METHODS = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'CONNECT',
]);

/** The span of an HTTP request. */
export interface RequestSpan {
  readonly context: TraceContext;
  run<T>(work: () => T): T;
  /** @param route its template, `/orders/:id`; undefined when no route took it */
  end(status: number, route?: string): void;
}

/**
 * Spans by OpenTelemetry's conventions for messaging and RPC. It needs the API alone: which spans
 * are recorded, and where they go, is up to the SDK of the process. No span has a payload, an error
 * message, or a key.
 */
export class OpenTelemetryTracing implements Tracing {
  /** @param timeOfDay milliseconds since the epoch, by the clock of the service */
  constructor(
    private readonly tracer: Tracer,
    private readonly timeOfDay: () => number = () => Date.now(),
  ) {}

  create(contract: SendableContract, technology: string): CreateSpan {
    const span = this.tracer.startSpan(
      `create ${contract.name}`,
      { kind: SpanKind.PRODUCER, attributes: operation('create', technology, contract) },
      here(),
    );
    return new CreatedSpan(span);
  }

  send(technology: string, messages: readonly OutgoingMessage[]): Span {
    const [first] = messages as readonly [OutgoingMessage];
    const isAlone = messages.length === 1;
    const isOneContract = messages.every(({ contract }) => contract === first.contract);
    const creation = isAlone ? contextOf(first.envelope) : undefined;
    // The relay has no span of its own: a single message continues the trace of its creation.
    const parent =
      trace.getSpan(context.active()) !== undefined
        ? context.active()
        : creation && this.ageOf(first.envelope) < LATE_MS
          ? trace.setSpanContext(ROOT_CONTEXT, creation)
          : ROOT_CONTEXT;
    const span = this.tracer.startSpan(
      isOneContract ? `send ${first.contract.name}` : 'send',
      {
        kind: SpanKind.CLIENT,
        attributes: {
          ...operation('send', technology, isOneContract ? first.contract : undefined),
          ...(isAlone ? ofMessage(first.envelope) : { [MESSAGING.batchCount]: messages.length }),
          // From the creation to the sending: the time in the transaction and in the outbox.
          'parley.outbox.wait_ms': Math.max(...messages.map((one) => this.ageOf(one.envelope))),
        },
        links: messages.flatMap(({ envelope }) =>
          linkTo(envelope, { 'parley.outbox.wait_ms': this.ageOf(envelope) }),
        ),
      },
      parent,
    );
    return new RunningSpan(span);
  }

  process(handled: Handled): Span {
    const { headers, contract, kind, subscription, technology, attempt, kept, age } = handled;
    const creation = contextOf(headers);
    // The trace of a sender ended long before a retry, a replay or a delayed delivery.
    const continues = creation !== undefined && attempt === 1 && !kept && age < LATE_MS;
    const span = this.tracer.startSpan(
      `process ${contract}`,
      {
        kind: SpanKind.CONSUMER,
        attributes: {
          ...operation('process', technology, { name: contract, kind }),
          ...ofSubscription(subscription),
          ...ofMessage(headers),
          'parley.attempt': attempt,
          'parley.kept': kept,
        },
        links: linkTo(headers),
      },
      continues ? trace.setSpanContext(ROOT_CONTEXT, creation) : ROOT_CONTEXT,
    );
    return new RunningSpan(span);
  }

  processTogether(handled: HandledTogether): Span {
    const { contract, kind, subscription, technology, messages } = handled;
    const span = this.tracer.startSpan(
      `process ${contract}`,
      {
        kind: SpanKind.CONSUMER,
        attributes: {
          ...operation('process', technology, { name: contract, kind }),
          ...ofSubscription(subscription),
          [MESSAGING.batchCount]: messages.length,
        },
        links: messages.flatMap(({ headers }) => linkTo(headers)),
      },
      ROOT_CONTEXT,
    );
    return new RunningSpan(span);
  }

  call(contract: SendableContract, technology: string): Span {
    const method = methodOf(contract.name);
    const span = this.tracer.startSpan(
      method,
      { kind: SpanKind.CLIENT, attributes: ofCall(technology, method, contract.name) },
      here(),
    );
    return new CallSpan(span);
  }

  answer({ contract, headers }: ReceivedMessage, technology: string): Span {
    const method = contract === 'unknown' ? '_OTHER' : methodOf(contract);
    const caller = contextOf(headers);
    const span = this.tracer.startSpan(
      method,
      {
        kind: SpanKind.SERVER,
        attributes: { ...ofCall(technology, method, contract), ...ofConversation(headers) },
      },
      caller ? trace.setSpanContext(ROOT_CONTEXT, caller) : ROOT_CONTEXT,
    );
    return new CallSpan(span);
  }

  work(name: string, attributes: SpanAttributes, cause: TraceContext): Span {
    const span = this.tracer.startSpan(
      name,
      { kind: SpanKind.INTERNAL, attributes, links: linkTo(cause) },
      ROOT_CONTEXT,
    );
    return new RunningSpan(span);
  }

  note(event: string, attributes: SpanAttributes): void {
    trace.getSpan(context.active())?.addEvent(event, attributes);
  }

  /** A request of a client from outside, whose trace it continues. */
  request(method: string, from: Partial<TraceContext>): RequestSpan {
    const known = METHODS.has(method) ? method : '_OTHER';
    const caller = contextOf(from);
    const span = this.tracer.startSpan(
      known,
      { kind: SpanKind.SERVER, attributes: { [HTTP.method]: known, [HTTP.scheme]: 'http' } },
      caller ? trace.setSpanContext(ROOT_CONTEXT, caller) : ROOT_CONTEXT,
    );
    const running = new RunningSpan(span);
    return {
      context: running.context,
      run: (work) => running.run(work),
      end: (status, route) => {
        if (route !== undefined)
          span.updateName(`${known} ${route}`).setAttribute(HTTP.route, route);
        span.setAttribute(HTTP.status, status);
        running.end({ error: status >= 500 ? String(status) : undefined });
      },
    };
  }

  private ageOf({ time }: MessageFields): number {
    const sentAt = Date.parse(time ?? '');
    return Number.isNaN(sentAt) ? 0 : Math.max(0, this.timeOfDay() - sentAt);
  }
}

class RunningSpan implements Span {
  readonly context: TraceContext;

  constructor(protected readonly span: ApiSpan) {
    const { traceId, spanId, traceFlags, traceState } = span.spanContext();
    this.context = {
      traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`,
      tracestate: traceState?.serialize() || undefined,
    };
  }

  run<T>(work: () => T): T {
    return context.with(trace.setSpan(context.active(), this.span), work);
  }

  end({ outcome, error, tries }: Ended = {}): void {
    if (outcome !== undefined) this.span.setAttribute('parley.outcome', outcome);
    if (tries !== undefined && tries > 1) this.span.setAttribute('parley.tries', tries);
    if (error !== undefined) {
      this.span.setAttribute(ERROR_TYPE, error).setStatus({ code: SpanStatusCode.ERROR });
      if (outcome === 'dead') this.span.setAttribute('parley.dead_letter.cause', error);
    }
    this.span.end();
  }
}

class CreatedSpan extends RunningSpan implements CreateSpan {
  wrote(envelope: Envelope, bytes: number): void {
    this.span.setAttributes({ ...ofMessage(envelope), [MESSAGING.bodySize]: bytes });
  }
}

class CallSpan extends RunningSpan {
  override end(ended: Ended = {}): void {
    const { outcome = 'ok' } = ended;
    this.span.setAttribute(RPC.status, ANSWERED.has(outcome) ? 'OK' : callStatusOf(outcome));
    super.end(ended);
  }
}

const ANSWERED = new Set(['ok', 'stale', 'fallback']);

/** The context of the current code: its span, or else the hop of its conversation. */
function here(): Context {
  const active = context.active();
  const conversation = currentConversation();
  const hop = conversation && contextOf(conversation);
  if (!hop || trace.getSpanContext(active)?.traceId === hop.traceId) return active;
  return trace.setSpanContext(active, hop);
}

function contextOf({ traceparent, tracestate }: MessageFields): SpanContext | undefined {
  const hop = readTraceparent(traceparent);
  if (!hop) return undefined;
  const state = readTracestate(tracestate);
  return {
    ...hop,
    isRemote: true,
    ...(state === undefined ? {} : { traceState: createTraceState(state) }),
  };
}

function linkTo(message: MessageFields, attributes: Attributes = {}): Link[] {
  const creation = contextOf(message);
  const { id } = message;
  return creation
    ? [
        {
          context: creation,
          attributes: { ...attributes, ...(id && { [MESSAGING.messageId]: id }) },
        },
      ]
    : [];
}

const operation = (
  type: 'create' | 'send' | 'process',
  technology: string | undefined,
  contract: { readonly name: string; readonly kind: string } | undefined,
): Attributes => ({
  [MESSAGING.system]: systemOf(technology),
  [MESSAGING.operationName]: type,
  [MESSAGING.operationType]: type,
  ...(contract && {
    [MESSAGING.destination]: contract.name,
    'parley.contract': contract.name,
    'parley.kind': contract.kind,
  }),
});

const ofSubscription = (subscription: string): Attributes => ({
  [MESSAGING.subscription]: subscription,
  [MESSAGING.consumerGroup]: subscription,
});

/** Of unknown senders, too: their texts are bounded. */
function ofMessage({ id, correlationid, partitionkey }: MessageFields): Attributes {
  return {
    ...(id && { [MESSAGING.messageId]: id.slice(0, MAX_ID) }),
    ...ofConversation({ correlationid }),
    ...(partitionkey !== undefined && { 'parley.lane.hash': keyHash(partitionkey) }),
  };
}

const ofConversation = ({ correlationid }: MessageFields): Attributes =>
  correlationid ? { [MESSAGING.conversationId]: correlationid.slice(0, MAX_ID) } : {};

const MAX_ID = 100;

const ofCall = (technology: string, method: string, contract: string): Attributes => ({
  [RPC.system]: technology,
  [RPC.method]: method,
  'parley.contract': contract,
  'parley.kind': 'call',
});

/** `orders.Orders/PlaceOrder`, as in gRPC, whatever carries the call. */
const methodOf = (contract: string): string => callPathOf({ name: contract }).slice(1);
