import {
  isSpanContextValid,
  type Attributes,
  type Context,
  trace,
  TraceFlags,
} from '@opentelemetry/api';
import type {
  ReadableSpan,
  Sampler,
  SamplingResult,
  Span,
  SpanProcessor,
} from '@opentelemetry/sdk-trace';

/** `SamplingDecision` of the SDK, which is loaded only where traces are exported. */
const NONE = 0;
const RECORD = 1;
const RECORD_AND_SAMPLE = 2;
const SPAN_ERROR = 2;

/** Set where a span is worth keeping although nothing failed: the timeout of a saga. */
const WORTH_KEEPING = 'parley.sample';

/** Ended spans of traces that are not sampled, kept in case one of them fails. */
const KEPT_SPANS = 2_000;

/**
 * Samples a ratio of the traces, decided where they begin. The others are recorded, too, and
 * exported by `FailedTraces` when they fail, unless failures are not asked for: then they cost next
 * to nothing. Further handlings of a message that failed are always
 * sampled.
 */
export class RatioSampler implements Sampler {
  private readonly bound: number;
  private readonly otherwise: number;

  constructor(
    private readonly ratio: number,
    keepsFailures = true,
  ) {
    this.otherwise = keepsFailures ? RECORD : NONE;
    this.bound = Math.floor(ratio * 0xffffffff);
  }

  shouldSample(
    parent: Context,
    traceId: string,
    _name: string,
    _kind: number,
    attributes: Attributes,
  ): SamplingResult {
    const from = trace.getSpanContext(parent);
    if (from && isSpanContextValid(from))
      return {
        decision: from.traceFlags & TraceFlags.SAMPLED ? RECORD_AND_SAMPLE : this.otherwise,
      };
    const failedBefore =
      attributes['parley.kept'] === true ||
      attributes[WORTH_KEEPING] === true ||
      Number(attributes['parley.attempt']) > 1;
    return { decision: failedBefore || this.isTaken(traceId) ? RECORD_AND_SAMPLE : this.otherwise };
  }

  toString(): string {
    return `RatioSampler{${this.ratio}}`;
  }

  /** The same in every process. */
  private isTaken(traceId: string): boolean {
    return this.ratio >= 1 || Number.parseInt(traceId.slice(-8), 16) < this.bound;
  }
}

/**
 * Passes on sampled spans, and of a trace that is not sampled the spans of this process from its
 * first failure on, with those that ended before, as far as they are still kept.
 */
export class FailedTraces implements SpanProcessor {
  /** By trace; the oldest traces are forgotten first. */
  private readonly ended = new Map<string, ReadableSpan[]>();
  private readonly failed = new Set<string>();
  private kept = 0;

  constructor(private readonly next: SpanProcessor) {}

  onStart(span: Span, parent: Context): void {
    this.next.onStart(span, parent);
  }

  onEnd(span: ReadableSpan): void {
    const { traceId, traceFlags } = span.spanContext();
    if (traceFlags & TraceFlags.SAMPLED) return this.next.onEnd(span);
    if (this.failed.has(traceId)) return this.next.onEnd(sampled(span));
    if (span.status.code !== SPAN_ERROR && span.attributes[WORTH_KEEPING] !== true)
      return this.keep(traceId, span);
    for (const earlier of this.ended.get(traceId) ?? []) this.next.onEnd(sampled(earlier));
    this.next.onEnd(sampled(span));
    this.forget(traceId);
    this.failed.add(traceId);
    if (this.failed.size > KEPT_SPANS) this.failed.delete(this.failed.values().next().value!);
  }

  forceFlush(): Promise<void> {
    return this.next.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.next.shutdown();
  }

  private keep(traceId: string, span: ReadableSpan): void {
    const spans = this.ended.get(traceId);
    if (spans) spans.push(span);
    else this.ended.set(traceId, [span]);
    this.kept += 1;
    while (this.kept > KEPT_SPANS) this.forget(this.ended.keys().next().value!);
  }

  private forget(traceId: string): void {
    this.kept -= this.ended.get(traceId)?.length ?? 0;
    this.ended.delete(traceId);
  }
}

/** The exporter drops spans without the flag. */
const sampled = (span: ReadableSpan): ReadableSpan => {
  const context = { ...span.spanContext(), traceFlags: TraceFlags.SAMPLED };
  return Object.create(span, { spanContext: { value: () => context } }) as ReadableSpan;
};
