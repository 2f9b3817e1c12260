import type { KeptSpan, Trace } from '../api/types';
import { toneOf } from './outcomes';

/** A bar of the picture of a trace. */
export interface Bar {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  readonly kind: string;
  /** Below its cause, in steps. */
  readonly depth: number;
  /** Milliseconds since the trace began, and that it took. */
  readonly start: number;
  readonly took: number;
  readonly isBad: boolean;
  /** The message that it is about. */
  readonly message?: string;
  /** Traces that it is linked to. */
  readonly links: readonly string[];
}

export interface Waterfall {
  readonly bars: readonly Bar[];
  /** Milliseconds of the whole. */
  readonly took: number;
}

const DEEPEST = 12;

/** The spans of a trace; without any, the handlings of its messages, of which no span is needed. */
export function waterfallOf({ spans, messages }: Trace): Waterfall {
  const bars = spans.length > 0 ? barsOfSpans(spans) : barsOfMessages(messages);
  const began = Math.min(...bars.map(({ start }) => start));
  const ended = Math.max(...bars.map(({ start, took }) => start + took));
  return {
    bars: bars.map((bar) => ({ ...bar, start: bar.start - began })),
    took: bars.length === 0 ? 0 : ended - began,
  };
}

function barsOfSpans(spans: readonly KeptSpan[]): readonly Bar[] {
  const known = new Set(spans.map(({ id }) => id));
  const below = new Map<string | undefined, KeptSpan[]>();
  for (const span of spans) {
    const { parent } = span;
    const place = parent !== null && parent !== span.id && known.has(parent) ? parent : undefined;
    below.set(place, [...(below.get(place) ?? []), span]);
  }
  const bars: Bar[] = [];
  const add = (parent: string | undefined, depth: number): void => {
    for (const span of below.get(parent) ?? []) {
      const { id, name, service, kind, started, took, failed, attributes, links } = span;
      const message = attributes['messaging.message.id'];
      bars.push({
        ...{ id, name, service, kind, depth: Math.min(depth, DEEPEST) },
        start: started / 1_000,
        took: took / 1_000,
        isBad: failed,
        message: typeof message === 'string' ? message : undefined,
        links: [...new Set((links ?? []).map(({ trace }) => trace))].filter(
          (trace) => trace !== span.trace,
        ),
      });
      add(id, depth + 1);
    }
  };
  add(undefined, 0);
  return bars;
}

const barsOfMessages = (messages: Trace['messages']): readonly Bar[] =>
  messages
    .flatMap(({ id, contract, kind, handlings }) =>
      handlings.map((handling) => ({
        id: `${id} ${handling.subscription} ${handling.attempt} ${handling.at}`,
        name: kind === 'call' ? contract : `process ${contract}`,
        service: handling.service,
        kind: kind === 'call' ? 'server' : 'consumer',
        depth: 0,
        start: Date.parse(handling.at) - handling.took,
        took: handling.took,
        isBad: toneOf(handling.outcome) === 'bad',
        message: id,
        links: [],
      })),
    )
    .sort((a, b) => a.start - b.start);
