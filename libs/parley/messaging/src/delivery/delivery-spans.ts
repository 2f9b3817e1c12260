import type { Contract } from '@parley/contract';
import type { Clock } from '../clock';
import { describeError } from '../message/failure';
import { currentConversation, inConversation } from '../message/handler-context';
import { traceIdOf } from '../message/trace';
import type { Span, Tracing } from '../ports/tracing';
import { ageOf } from './observe';
import type { BatchItem, OpenedMessage } from './open-message';
import type { Result, TrackedDelivery } from './tracked-delivery';

/** Spans of handlings. Without tracing the work runs as it is given. */
export class DeliverySpans {
  constructor(
    private readonly process: { readonly tracing?: Tracing; readonly clock: Clock },
    private readonly technologyOf: (contract: Contract) => string | undefined,
  ) {}

  /** A message that is handled alone: one span for all immediate tries and their outcome. */
  async alone(
    delivery: TrackedDelivery,
    opened: OpenedMessage,
    handle: (opened: OpenedMessage) => Promise<Result>,
  ): Promise<Result> {
    const { tracing } = this.process;
    if (!tracing) return handle(opened);
    const { contract } = opened.handler;
    const span = tracing.process({
      ...this.factsOf(delivery),
      technology: this.technologyOf(contract),
      contract: contract.name,
      kept: delivery.kept === true || delivery.failure !== undefined,
    });
    const traced = { ...opened, envelope: { ...opened.envelope, ...span.context } };
    const conversation = { ...currentConversation()!, ...span.context };
    try {
      const result = await span.run(() => inConversation(conversation, () => handle(traced)));
      endWith(span, result);
      return { ...result, envelope: traced.envelope };
    } catch (error) {
      span.end({ outcome: 'return', error: describeError(error).error });
      throw error;
    }
  }

  /** A message that could not be opened. */
  async unreadable(delivery: TrackedDelivery, keep: () => Promise<Result>): Promise<Result> {
    const { tracing } = this.process;
    if (!tracing) return keep();
    const { type = '' } = delivery.headers;
    const span = tracing.process({
      ...this.factsOf(delivery),
      contract: delivery.subscription.handlers.has(type) ? type : 'unknown',
      kept: delivery.kept === true,
    });
    const result = await span.run(keep);
    endWith(span, result);
    return result;
  }

  /**
   * A batch. What a message of it leads to is a part of the message's own trace: its envelope keeps
   * the context in which it was created.
   * @param handle returns false, after a call of `failed`, when the batch was rolled back
   */
  async together(
    items: readonly BatchItem[],
    handle: (items: readonly BatchItem[], failed: (error: unknown) => void) => Promise<boolean>,
  ): Promise<boolean> {
    let error: unknown;
    const failed = (thrown: unknown) => (error = thrown);
    const { tracing } = this.process;
    if (!tracing) return handle(items, failed);
    const [first] = items as readonly [BatchItem];
    const { contract } = first.opened.handler;
    const { kind, name } = first.delivery.subscription;
    const span = tracing.processTogether({
      technology: this.technologyOf(contract),
      kind,
      contract: contract.name,
      subscription: name,
      messages: items.map(({ delivery: { headers } }) => ({ contract: contract.name, headers })),
    });
    const traced = items.map((item) => ({ ...item, opened: asCreated(item) }));
    const done = await span.run(() => handle(traced, failed));
    span.end({
      outcome: done ? 'done' : 'alone',
      error: error === undefined ? undefined : describeError(error).error,
    });
    return done;
  }

  private factsOf(delivery: TrackedDelivery) {
    const { subscription, headers, attempt } = delivery;
    const age = ageOf(delivery, this.process.clock);
    return { kind: subscription.kind, subscription: subscription.name, attempt, age, headers };
  }
}

const endWith = (span: Span, { as, tries, failure }: Result): void =>
  span.end({ outcome: as, tries, error: failure?.error });

/** The message with the context in which it was created, rather than a hop of our own. */
function asCreated({ delivery: { headers }, opened }: BatchItem): OpenedMessage {
  const { envelope } = opened;
  const traceparent = traceIdOf(headers.traceparent ?? '') && headers.traceparent;
  return traceparent ? { ...opened, envelope: { ...envelope, traceparent } } : opened;
}
