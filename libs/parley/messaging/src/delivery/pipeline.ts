import { milliseconds, type Contract } from '@parley/contract';
import type { InFlight } from '../in-flight';
import type { LeaseLostError } from '../message/failure';
import { inConversation } from '../message/handler-context';
import type { Envelope } from '../message/message';
import type { PayloadProcessor } from '../payload/payload-processor';
import type { Delivery, Outcome } from '../ports/delivery';
import type { DeliveryObserver } from '../ports/observer';
import type { Store } from '../ports/store';
import type { Handler } from '../ports/subscription';
import type { Tracing } from '../ports/tracing';
import type { TransportContext } from '../ports/transport';
import type { Transactions } from '../sending/transactions';
import type { Permit } from './circuit-breaker';
import type { CircuitBreakers } from './circuit-breakers';
import { DeliverySpans } from './delivery-spans';
import { FailedMessageStore } from './failed-message-store';
import {
  deadLetter,
  decideFailure,
  type FailureDecision,
  countsForCircuitBreaker,
} from './failure-decision';
import { GapDetector } from './gap-detector';
import { HandlerExecution } from './handler-execution';
import type { HandlerRun, HandlerRuns, RunFacts } from './handler-runs';
import { LaneGuard } from './lane-guard';
import { MicroBatcher } from './micro-batcher';
import { handlingOf } from './observe';
import {
  type BatchItem,
  MessageOpener,
  type OpenedMessage,
  withFreshPayload,
} from './open-message';
import { retryPolicy } from './retry-policy';
import { Settlement } from './settlement';
import { Solitude, SuspectHandling, unfinishedAtMost } from './suspects';
import {
  duplicate,
  givenBack,
  handled,
  isAborted,
  isDurable,
  type Result,
  type TrackedDelivery,
  typeOf,
} from './tracked-delivery';

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * The way of a message from its technology to its handler, the same for all technologies.
 * The steps, a file each:
 * 1. track (in-flight.ts): a drain waits for the delivery;
 * 2. open (open-message.ts): envelope, handler, expiry, payload;
 * 3. guard its lane (lane-guard.ts): wait behind a failed message of the same key;
 * 4. run in a transaction (handler-execution.ts), alone or in a batch (micro-batcher.ts);
 * 5. settle (settlement.ts): the acknowledgement is the transaction's last statement;
 * 6. decide, when that failed (failure-decision.ts), and keep the failed message
 *    (failed-message-store.ts);
 * 7. observe (observe.ts); with tracing, steps 3 to 6 are a span (delivery-spans.ts).
 */
export class Pipeline {
  private readonly opener: MessageOpener;
  private readonly lanes: LaneGuard;
  private readonly settlement: Settlement;
  private readonly execution: HandlerExecution;
  private readonly failed: FailedMessageStore;
  private readonly gaps: GapDetector;
  private readonly solitude: Solitude;
  private readonly spans: DeliverySpans;
  private readonly batches: MicroBatcher<BatchItem>;

  constructor(
    transactions: Transactions,
    private readonly store: Store | undefined,
    private readonly inFlight: InFlight,
    private readonly runs: HandlerRuns,
    private readonly circuitBreakers: CircuitBreakers,
    payloads: PayloadProcessor,
    private readonly process: Pick<TransportContext, 'instance' | 'clock' | 'log' | 'passes'> & {
      readonly observer?: DeliveryObserver;
      readonly tracing?: Tracing;
      readonly random: () => number;
    },
    technologyOf: (contract: Contract) => string | undefined = () => undefined,
  ) {
    this.opener = new MessageOpener(payloads, process.clock);
    this.spans = new DeliverySpans(process, technologyOf);
    this.gaps = new GapDetector(process.clock);
    this.lanes = new LaneGuard(store);
    this.settlement = new Settlement(store, runs, process.passes);
    this.execution = new HandlerExecution(
      transactions,
      this.lanes,
      this.settlement,
      process.passes,
    );
    this.failed = new FailedMessageStore(store, this.settlement, this.lanes, process);
    this.solitude = new Solitude(process.clock);
    this.batches = new MicroBatcher((items) => this.handleBatch(items), process.clock);
  }

  /** @see Deliver */
  readonly deliver = (delivery: Delivery): Promise<Outcome> =>
    this.inFlight.track(async (cancelled) => {
      const started = performance.now();
      this.process.passes?.('delivery.received');
      const result = await this.handle({ ...delivery, cancelled }).catch((error) =>
        this.failed.giveBack(delivery, error),
      );
      const elapsed = performance.now() - started;
      this.process.observer?.handled?.(handlingOf(delivery, result, elapsed, this.process.clock));
      this.process.passes?.('delivery.handled');
      return result.outcome;
    });

  private async handle(delivery: TrackedDelivery): Promise<Result> {
    let opened: OpenedMessage;
    try {
      opened = this.opener.open(delivery);
    } catch (error) {
      const unreadable = () =>
        this.failed.deadLetter(delivery, deadLetter(error, 0, isKeyed(delivery)));
      return this.spans.unreadable(delivery, unreadable);
    }
    const { envelope, handler } = opened;
    if (delivery.subscription.kind === 'broadcast') this.noteGaps(envelope);
    const hop = {
      correlationId: envelope.correlationid,
      traceparent: envelope.traceparent,
      tracestate: envelope.tracestate,
      messageId: envelope.id,
      contract: handler.contract.name,
      priority: envelope.priority,
    };
    const result = await inConversation(hop, () =>
      isDurable(delivery)
        ? this.handleDurably(delivery, opened)
        : this.spans.alone(delivery, opened, (traced) =>
            this.handleAtMostOnce({ delivery, opened: traced }),
          ),
    );
    return result.envelope ? result : { ...result, envelope };
  }

  /** A gap is a hint, not a proof: a rolled back transaction leaves one, too. */
  private noteGaps(envelope: Envelope): void {
    for (const { count, type, producerinstance } of this.gaps.arrived(envelope)) {
      const lost = `${count} broadcasts of ${type} by ${producerinstance} never arrived here`;
      this.process.log('debug', lost);
      this.process.observer?.missed?.(type, count);
    }
  }

  /** Broadcasts and live tails: no acknowledgement, no second try. */
  private async handleAtMostOnce(item: BatchItem): Promise<Result> {
    const { handler, envelope } = item.opened;
    try {
      await this.solitude.beside(() =>
        this.runs.bounded(factsOf(item), async (run) =>
          this.execution.withoutTransaction(run, await this.unpacked(run, item)),
        ),
      );
      return { outcome: { kind: 'done', settled: false }, as: 'done', tries: 1 };
    } catch (error) {
      this.process.log(
        'error',
        `${handler.name} failed on ${envelope.type}, which is not delivered again`,
        { error },
      );
      return { outcome: { kind: 'done', settled: false }, as: 'dead', tries: 1 };
    }
  }

  private async handleDurably(delivery: TrackedDelivery, opened: OpenedMessage): Promise<Result> {
    if (delivery.suspect) return this.handleSuspect(delivery, opened);
    const { batch } = opened.handler.options;
    if (batch === undefined || !this.isBatchable(delivery, opened))
      return this.handleAlone(delivery, opened);
    // Acknowledgements in the message's own database and in the inbox end their transactions
    // differently: never in one batch.
    const name = `${delivery.subscription.name} ${opened.envelope.type} ${delivery.acknowledgeInTransaction !== undefined}`;
    const slot = await this.batches.add(name, batch, { delivery, opened });
    if (!slot.alone) return handled(delivery, 1);
    return this.handleAlone(delivery, withFreshPayload(delivery, opened)).finally(slot.over);
  }

  /**
   * Handles a suspect: its handlings are counted until one has an outcome. Going back to the
   * technology because the service stops is an outcome, a lost lease is not.
   */
  private async handleSuspect(delivery: TrackedDelivery, opened: OpenedMessage): Promise<Result> {
    const { suspects } = this.store!;
    const suspectHandling =
      suspects &&
      new SuspectHandling(
        { suspects, ...this.process },
        delivery,
        opened.envelope,
        unfinishedAtMost(opened.handler.options),
      );
    try {
      const result = await this.handleAlone({ ...delivery, suspectHandling }, opened);
      if (result.as !== 'return' || delivery.cancelled.aborted) await suspectHandling?.end();
      return result;
    } catch (error) {
      await suspectHandling?.end(); // the store failed, the process lives
      throw error;
    } finally {
      suspectHandling?.release();
    }
  }

  /**
   * True when a message may join a batch. A retried message, or one whose lane is parked, would
   * roll the whole batch back.
   */
  private isBatchable(delivery: TrackedDelivery, opened: OpenedMessage): boolean {
    return (
      delivery.attempt === 1 &&
      !this.lanes.isKnownParked(delivery, opened) &&
      !isAborted(delivery) &&
      !this.circuitBreakers.isPaused(delivery.subscription)
    );
  }

  /** Handles a batch. False: it was rolled back, and the outcome of each message is open. */
  private handleBatch(items: readonly BatchItem[]): Promise<boolean> {
    return this.spans.together(items, (traced, failed) => this.handleTogether(traced, failed));
  }

  private async handleTogether(
    items: readonly BatchItem[],
    failed: (error: unknown) => void,
  ): Promise<boolean> {
    const [first] = items as readonly [BatchItem];
    const { subscription } = first.delivery;
    const permit = this.circuitBreakers.isPaused(subscription)
      ? undefined
      : await this.circuitBreakers.acquire(subscription);
    if (!permit) return false;
    try {
      await this.solitude.beside(() =>
        this.runs.bounded(factsOf(first), async (run) =>
          this.execution.batchInTransaction(
            run,
            await Promise.all(items.map((item) => this.unpack(item))),
          ),
        ),
      );
      items.forEach(() => permit.succeeded());
      return true;
    } catch (error) {
      permit.undecided();
      failed(error);
      this.process.log(
        'debug',
        `${items.length} messages of ${first.opened.envelope.type} failed together in ${subscription.name}; now each alone`,
        { error },
      );
      return false;
    }
  }

  private handleAlone(delivery: TrackedDelivery, opened: OpenedMessage): Promise<Result> {
    return this.spans.alone(delivery, opened, (traced) => this.handleSingle(delivery, traced));
  }

  /** Tries until the message took effect, is kept for later, or is given back. */
  private async handleSingle(delivery: TrackedDelivery, opened: OpenedMessage): Promise<Result> {
    let item = { delivery, opened };
    for (let tries = 1; ; tries++) {
      const permit = await this.acquirePermit(item.delivery);
      if (!permit) return givenBack(tries - 1);
      try {
        await this.inSolitude(item.delivery, () =>
          this.runs.bounded(factsOf(item), async (run) => {
            if (opened.packed) item = await this.unpacked(run, { delivery, opened });
            await this.execution.inTransaction(run, item);
          }),
        );
        permit.succeeded();
        return handled(delivery, tries);
      } catch (thrown) {
        const decision = await this.decide(thrown, item, tries, permit);
        if (decision.kind !== 'try-again') return this.carryOut(decision, item, tries);
        if (!decision.counted) tries--;
        item = { ...item, opened: withFreshPayload(delivery, opened) };
      }
    }
  }

  private async decide(
    thrown: unknown,
    item: BatchItem,
    tries: number,
    permit: Permit,
  ): Promise<FailureDecision> {
    const { delivery, opened } = item;
    const error = await this.settlement.causeOf(thrown, delivery, opened).catch((cause) => {
      // The store is unreachable: count it for the circuit breaker, then give the message back.
      permit.failed(cause, opened.envelope.id, delivery.personalTexts);
      throw cause;
    });
    const aborted = isAborted(delivery);
    const counts = countsForCircuitBreaker(error, aborted);
    if (!counts) permit.undecided();
    return decideFailure({
      error,
      attempt: delivery.attempt,
      tries,
      policy: retryPolicy(opened.handler.options),
      aborted,
      excused: counts && permit.failed(error, opened.envelope.id, delivery.personalTexts),
      keyed: isKeyed(delivery),
      random: this.process.random,
    });
  }

  private async carryOut(
    decision: Exclude<FailureDecision, { kind: 'try-again' }>,
    { delivery, opened }: BatchItem,
    tries: number,
  ): Promise<Result> {
    switch (decision.kind) {
      case 'duplicate':
        return duplicate(tries);
      case 'park-behind':
        return this.failed.parkBehind(delivery, opened, tries);
      case 'give-back':
        if (decision.leaseLost) this.logLeaseLost(delivery, decision.leaseLost);
        return givenBack(tries);
      case 'retry':
        return this.failed.retry(delivery, decision.error, tries, decision.after);
      case 'dead-letter':
        return this.failed.deadLetter(delivery, decision);
    }
  }

  private async acquirePermit(delivery: TrackedDelivery): Promise<Permit | undefined> {
    const { subscription, suspectHandling, signal, cancelled } = delivery;
    // Ends a suspect's solitude: other messages need not wait with it until the pause is over.
    if (suspectHandling && this.circuitBreakers.isPaused(subscription)) await suspectHandling.end();
    return this.circuitBreakers.acquire(subscription, signal, cancelled);
  }

  /** Runs a suspect alone: the end of its process must not accuse another message. */
  private inSolitude<T>(delivery: TrackedDelivery, handle: () => Promise<T>): Promise<T> {
    if (!delivery.suspect) return this.solitude.beside(handle);
    return delivery.suspectHandling
      ? delivery.suspectHandling.run(this.solitude, handle)
      : this.solitude.alone(handle);
  }

  private async unpack(item: BatchItem): Promise<BatchItem> {
    return item.opened.packed ? this.opener.unpack(item.delivery, item.opened) : item;
  }

  /** A run that was ended meanwhile must not change the payload of the next try. */
  private async unpacked(run: HandlerRun, item: BatchItem): Promise<BatchItem> {
    if (!item.opened.packed) return item;
    const unpacked = await this.unpack(item);
    run.refuseIfEnded();
    return unpacked;
  }

  /** For operators: a process continued after its lease had expired (it was paused, or cut off). */
  private logLeaseLost(delivery: Delivery, { message }: LeaseLostError): void {
    this.process.log(
      'info',
      `${typeOf(delivery)} was handled for ${delivery.subscription.name} after its lease was lost, and rolled back: ${message}`,
    );
  }
}

const isKeyed = ({ headers }: Delivery): boolean => headers.partitionkey !== undefined;

/** Milliseconds. Default 30 s. */
export const timeoutOf = ({ options: { timeout } }: Handler): number =>
  timeout === undefined ? DEFAULT_TIMEOUT_MS : milliseconds(timeout);

function factsOf({ delivery, opened: { envelope, handler } }: BatchItem): RunFacts {
  const { kind, name } = delivery.subscription;
  return {
    kind,
    contract: envelope.type,
    subscription: name,
    id: envelope.id,
    what: handler.name,
    timeout: timeoutOf(handler),
  };
}
