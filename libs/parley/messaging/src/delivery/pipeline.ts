import { milliseconds, wireForm } from '@parley/contract';
import { isObservable, lastValueFrom } from 'rxjs';
import { MicroBatcher } from './micro-batcher';
import type { PayloadProcessor } from '../payload/payload-processor';
import { decode } from '../message/codec';
import { type BatchContext, inConversation, type HandlerContext } from '../message/handler-context';
import { readEnvelope } from '../message/envelope';
import {
  AlreadyHandledError,
  describeError,
  type Failure,
  IdConflictError,
  withoutPersonal,
  LaneParkedError,
  LeaseLostError,
  ProcessEndedError,
  UnrecoverableError,
} from '../message/failure';
import {
  type HandlerRun,
  type HandlerRuns,
  HandlerTimeoutError,
  type RunFacts,
} from './handler-runs';
import type { Handler } from '../ports/subscription';
import type { InFlight } from '../in-flight';
import type { CircuitBreakers, Permit } from './circuit-breaker';
import type { Envelope } from '../message/message';
import { outageIn } from '../ports/outage';
import type { DeliveryObserver, Handling } from '../ports/observer';
import { ParkedLanes } from './parked-lane-cache';
import { delayAfter, isRecoverable, retryPolicy, type RetryPolicy } from './retry-policy';
import { isEncrypted, sealedTexts } from '../payload/field-encryption';
import { fingerprintOf } from '../message/message-id';
import { GapDetector } from './gap-detector';
import { moreTimes, LogThrottle } from '../log-throttle';
import type { Store } from '../ports/store';
import type { Tx } from '../ports/tx';
import { evidenceOf, Solitude, SuspectHandling, unfinishedAtMost } from './suspects';
import type { TransportContext } from '../ports/transport';
import type { Delivery, Outcome } from '../ports/delivery';
import type { Transactions } from '../sending/transactions';
import { currentPayload, NewerVersionError } from '../message/upcasting';

/** No handler of the subscription takes this contract. */
class NoHandlerError extends UnrecoverableError {
  override readonly name = 'NoHandlerError';
}

/** Its time was over before it was handled. */
class ExpiredError extends UnrecoverableError {
  override readonly name = 'ExpiredError';
}

/** The message as its handler will see it. */
interface OpenedMessage {
  readonly handler: Handler;
  readonly envelope: Envelope;
  readonly payload: unknown;
  /** Its body is elsewhere, encrypted in parts, or a suspect's: there is no payload yet. */
  readonly packed: boolean;
}

/** A delivery this process works on; `cancelled` is aborted when a drain runs out of time. */
interface TrackedDelivery extends Delivery {
  readonly cancelled: AbortSignal;
  /** Of a suspect. */
  readonly suspectHandling?: SuspectHandling;
  /** Says what is personal in it, once that is known. */
  readonly personalTexts?: () => readonly string[];
}

/** A message that was unpacked is not what its contract says: no handler saw it. */
class UnreadableError extends UnrecoverableError {}

/** Of a batch. */
interface BatchItem {
  readonly delivery: TrackedDelivery;
  readonly opened: OpenedMessage;
}

type Result = {
  readonly outcome: Outcome;
  readonly as: Handling['outcome'];
  readonly tries: number;
  readonly envelope?: Envelope;
};

const DEFAULT_TIMEOUT_MS = 30_000;
/** Milliseconds that the service's own store may take for a step of its own. */
const STORE_TIMEOUT_MS = 30_000;
/** After the service's own store failed too: a message that is given back comes again at once. */
const STORE_DOWN_PAUSE_MS = 1_000;

/**
 * What happens to every message between a technology and its handler, the same for all of them:
 * open → (wait for what it needs, or behind a failed one of its lane) → handle in one transaction with its acknowledgement → decide.
 */
export class Pipeline {
  private readonly sequences = new GapDetector();
  private readonly parkedLanes = new ParkedLanes();
  private readonly solitude: Solitude;
  private readonly batches = new MicroBatcher<BatchItem>((members) => this.handleTogether(members));
  private readonly outages = new LogThrottle();

  constructor(
    private readonly transactions: Transactions,
    private readonly store: Store | undefined,
    private readonly inFlight: InFlight,
    private readonly runs: HandlerRuns,
    private readonly circuitBreakers: CircuitBreakers,
    private readonly bodies: PayloadProcessor,
    private readonly process: Pick<TransportContext, 'instance' | 'clock' | 'log' | 'passes'> & {
      readonly observer?: DeliveryObserver;
      readonly random: () => number;
    },
  ) {
    this.solitude = new Solitude(process.clock);
  }

  /** @see Deliver */
  readonly deliver = (delivery: Delivery): Promise<Outcome> =>
    this.inFlight.track(async (cancelled) => {
      const started = performance.now();
      this.process.passes?.('delivery.received');
      const result = await this.handle({ ...delivery, cancelled }).catch((error) =>
        this.giveBack(delivery, error),
      );
      this.observe(delivery, result, performance.now() - started);
      this.process.passes?.('delivery.handled');
      return result.outcome;
    });

  private async handle(delivery: TrackedDelivery): Promise<Result> {
    const opened = this.open(delivery);
    if ('failed' in opened) return this.dead(delivery, opened.failed, 0);
    const { envelope, handler } = opened;
    if (delivery.subscription.kind === 'broadcast') this.noteMissed(envelope);
    const hop = {
      correlationId: envelope.correlationid,
      traceparent: envelope.traceparent,
      messageId: envelope.id,
      contract: handler.contract.name,
    };
    const result = await inConversation(hop, () =>
      isDurable(delivery)
        ? this.handleDurably(delivery, opened)
        : this.handleOnce(delivery, opened),
    );
    return { ...result, envelope };
  }

  private open(delivery: Delivery): OpenedMessage | { readonly failed: unknown } {
    try {
      const envelope = readEnvelope(delivery.headers);
      const handler = delivery.subscription.handlers.get(envelope.type);
      if (!handler || handler.missing)
        throw new NoHandlerError(
          `nothing in ${delivery.subscription.name} handles ${envelope.type}`,
        );
      if (
        envelope.expirytime !== undefined &&
        Date.parse(envelope.expirytime) <= this.process.clock.now()
      ) {
        throw new ExpiredError(`${envelope.type} was worth handling until ${envelope.expirytime}`);
      }
      // Reading a body may end the process, too: that of a suspect is read when its handling is
      // recorded.
      if (delivery.suspect || this.bodies.isPacked(handler.contract, envelope, delivery.body))
        return { handler, envelope, payload: undefined, packed: true };
      const payload = currentPayload(
        handler.contract,
        envelope,
        decode(envelope.type, delivery.body),
      );
      return { handler, envelope, payload, packed: false };
    } catch (failed) {
      return { failed };
    }
  }

  /**
   * Fetches what is elsewhere and decrypts what is encrypted, before the transaction: that must not
   * wait for others. From now on the whole body is the message's, so that what is kept of it is
   * kept whole; what is personal stays encrypted in it.
   */
  private async unpack(
    delivery: TrackedDelivery,
    { handler, envelope }: OpenedMessage,
  ): Promise<{ readonly delivery: TrackedDelivery; readonly opened: OpenedMessage }> {
    const { contract } = handler;
    try {
      const { body, decrypt } = await this.bodies.decodeBody(contract, envelope, delivery.body);
      const read = () => currentPayload(contract, envelope, decode(contract.name, body), decrypt);
      const personal = isEncrypted(contract)
        ? { personalTexts: () => sealedTexts(wireForm(contract.payload, read()), contract) }
        : {};
      return {
        delivery: { ...delivery, body, ...personal },
        opened: { handler, envelope, payload: read(), packed: true },
      };
    } catch (error) {
      if (!isRecoverable(error))
        throw new UnreadableError(`${contract.name} cannot be read`, { cause: error });
      throw error;
    }
  }

  /** A hint, not a proof: what a rolled back transaction would have said leaves a gap, too. */
  private noteMissed(envelope: Envelope): void {
    const missed = this.sequences.missedBefore(envelope);
    if (missed === 0) return;
    this.process.log(
      'debug',
      `${missed} broadcasts of ${envelope.type} by ${envelope.producerinstance} never arrived here`,
    );
    this.process.observer?.missed?.(envelope.type, missed);
  }

  /** Broadcasts and live tails: at most once, no acknowledgement. */
  private async handleOnce(given: TrackedDelivery, first: OpenedMessage): Promise<Result> {
    let [delivery, opened] = [given, first];
    try {
      await this.solitude.beside(() =>
        this.runs.bounded(factsOf(delivery, opened), async (run) => {
          if (first.packed) ({ delivery, opened } = await this.unpacked(run, given, first));
          const context = this.context(
            run,
            delivery,
            opened,
            this.transactions.run.bind(this.transactions),
          );
          await this.transactions.during(run, () => this.run(run, opened, context));
        }),
      );
      return { outcome: { kind: 'done', settled: false }, as: 'done', tries: 1 };
    } catch (error) {
      this.process.log(
        'error',
        `${opened.handler.name} failed on ${opened.envelope.type}, which is not delivered again`,
        { error },
      );
      return { outcome: { kind: 'done', settled: false }, as: 'dead', tries: 1 };
    }
  }

  private async handleDurably(delivery: TrackedDelivery, opened: OpenedMessage): Promise<Result> {
    if (delivery.suspect) return this.handleSuspect(delivery, opened);
    const { batch } = opened.handler.options;
    if (batch === undefined || !this.looksForCompany(delivery, opened))
      return this.handleAlone(delivery, opened);
    // What the message's own database acknowledges and what the inbox does end their transactions
    // differently.
    const name = `${delivery.subscription.name} ${opened.envelope.type} ${delivery.acknowledgeInTransaction !== undefined}`;
    const company = await this.batches.add(name, batch, { delivery, opened });
    if (!company.alone)
      return {
        outcome: { kind: 'done', settled: delivery.acknowledgeInTransaction !== undefined },
        as: 'done',
        tries: 1,
      };
    return this.handleAlone(delivery, freshPayload(delivery, opened)).finally(company.over);
  }

  /**
   * Its handlings are counted until one has an outcome. Being given back because the service stops
   * is one, a lost lease is not.
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

  /** What failed before, or waits behind what did, would only spoil it for others. */
  private looksForCompany(delivery: TrackedDelivery, { envelope }: OpenedMessage): boolean {
    const { subscription, attempt } = delivery;
    const parked =
      envelope.partitionkey !== undefined &&
      this.parkedLanes.has(subscription.name, envelope.partitionkey);
    return (
      attempt === 1 &&
      !parked &&
      !isAborted(delivery) &&
      !this.circuitBreakers.isPaused(subscription)
    );
  }

  /**
   * In one transaction with all their acknowledgements. False: it was rolled back, and nothing is
   * known of any single one.
   */
  private async handleTogether(members: readonly BatchItem[]): Promise<boolean> {
    const { delivery, opened } = members[0]!;
    const turn = this.circuitBreakers.isPaused(delivery.subscription)
      ? undefined
      : await this.circuitBreakers.turn(delivery.subscription);
    if (!turn) return false;
    try {
      await this.solitude.beside(() =>
        this.runs.bounded(factsOf(delivery, opened), (run) => this.handleMembers(run, members)),
      );
      members.forEach(() => turn.succeeded());
      return true;
    } catch (error) {
      turn.undecided();
      this.process.log(
        'debug',
        `${members.length} messages of ${opened.envelope.type} failed together in ${delivery.subscription.name}; now each alone`,
        { error },
      );
      return false;
    }
  }

  private async handleMembers(run: HandlerRun, members: readonly BatchItem[]): Promise<void> {
    const ready = await Promise.all(
      members.map(async ({ delivery, opened }) =>
        opened.packed ? this.unpack(delivery, opened) : { delivery, opened },
      ),
    );
    const { handler } = ready[0]!.opened;
    const work = async (tx: Tx) => {
      for (const { delivery, opened } of inOneOrder(ready))
        if (this.mustAsk(delivery, opened)) await this.refuseToOvertake(tx, delivery, opened);
      await this.run(
        run,
        { handler, payload: ready.map(({ opened }) => opened.payload) },
        this.batchContext(run, ready, tx),
      );
    };
    await this.transactions.commit(
      work,
      (tx) =>
        allDone(
          inOneOrder(ready).map(({ delivery, opened }) => this.acknowledge(tx, delivery, opened)),
        ),
      run,
    );
  }

  private async handleAlone(given: TrackedDelivery, first: OpenedMessage): Promise<Result> {
    const policy = retryPolicy(first.handler.options);
    let [delivery, opened] = [given, first];
    for (let tries = 1; ; tries++) {
      // Others need not wait with it until the pause is over.
      if (delivery.suspectHandling && this.circuitBreakers.isPaused(delivery.subscription))
        await delivery.suspectHandling.end();
      const turn = await this.circuitBreakers.turn(
        delivery.subscription,
        delivery.signal,
        delivery.cancelled,
      );
      if (!turn) return { outcome: { kind: 'return' }, as: 'return', tries: tries - 1 };
      try {
        await this.inCompany(delivery, () =>
          this.runs.bounded(factsOf(delivery, opened), async (run) => {
            if (first.packed) ({ delivery, opened } = await this.unpacked(run, given, first));
            await this.handleInTransaction(run, delivery, opened);
          }),
        );
        turn.succeeded();
        return {
          outcome: { kind: 'done', settled: delivery.acknowledgeInTransaction !== undefined },
          as: 'done',
          tries,
        };
      } catch (thrown) {
        const error = await this.causeOf(thrown, delivery, opened).catch((cause) =>
          this.noted(turn, cause, opened),
        );
        opened = freshPayload(delivery, first);
        if (isSettlementError(error) || isAborted(delivery) || !isRecoverable(error))
          turn.undecided();
        else if (turn.failed(error, opened.envelope.id)) {
          tries--;
          continue;
        }
        if (error instanceof AlreadyHandledError)
          return { outcome: { kind: 'done', settled: false }, as: 'duplicate', tries };
        if (error instanceof LaneParkedError) return this.waitBehind(delivery, opened, tries);
        if (error instanceof LeaseLostError) this.noteLost(delivery, error);
        if (error instanceof LeaseLostError || isAborted(delivery))
          return { outcome: { kind: 'return' }, as: 'return', tries };
        if (error instanceof UnreadableError) return this.dead(delivery, error.cause, 0);
        if (!isRecoverable(error)) return this.dead(delivery, error, tries);
        if (tries <= policy.immediate && !blocksLane(error, policy)) continue;
        const after = delayAfter(policy, delivery.attempt, this.process.random);
        return after === undefined
          ? this.dead(delivery, error, tries)
          : this.retry(delivery, error, tries, after);
      }
    }
  }

  /**
   * Of interest to who wonders what a process that stood still, or was cut off, did when it came
   * back.
   */
  private noteLost(delivery: Delivery, { message }: LeaseLostError): void {
    this.process.log(
      'info',
      `${typeOf(delivery)} was handled for ${delivery.subscription.name} after its lease was lost, and rolled back: ${message}`,
    );
  }

  /** The store cannot be asked: the message is given back, and the next ones may fare no better. */
  private noted(turn: Permit, error: unknown, { envelope }: OpenedMessage): never {
    turn.failed(error, envelope.id);
    throw error;
  }

  /** A suspect has no company: the end of its process is to tell of nobody else. */
  private inCompany<T>(delivery: TrackedDelivery, handle: () => Promise<T>): Promise<T> {
    if (!delivery.suspect) return this.solitude.beside(handle);
    return delivery.suspectHandling
      ? delivery.suspectHandling.run(this.solitude, handle)
      : this.solitude.alone(handle);
  }

  /** A run that was ended meanwhile must not change what the next try begins with. */
  private async unpacked(
    run: HandlerRun,
    delivery: TrackedDelivery,
    opened: OpenedMessage,
  ): ReturnType<Pipeline['unpack']> {
    const ready = await this.unpack(delivery, opened);
    run.refuseIfEnded();
    return ready;
  }

  private async handleInTransaction(
    run: HandlerRun,
    delivery: TrackedDelivery,
    opened: OpenedMessage,
  ): Promise<void> {
    const acknowledge = (tx: Tx) => this.acknowledge(tx, delivery, opened);
    if (opened.handler.options.transaction !== 'own') {
      await this.transactions.commit(
        async (tx) => {
          if (this.mustAsk(delivery, opened)) await this.refuseToOvertake(tx, delivery, opened);
          const { handler, payload } = opened;
          if (handler.options.batch !== undefined)
            return this.run(
              run,
              { handler, payload: [payload] },
              this.batchContext(run, [{ delivery, opened }], tx),
            );
          return this.run(run, opened, this.context(run, delivery, opened, undefined, tx));
        },
        acknowledge,
        run,
      );
      return;
    }
    // What it does outside cannot be rolled back: it must be its turn before it begins.
    if (hasLane(delivery, opened)) await this.refuseToOvertake(undefined, delivery, opened);
    let committed = false;
    const context = this.context(run, delivery, opened, async (work) => {
      if (committed)
        throw new UnrecoverableError(
          `${opened.handler.name} commits twice; a handling has one transaction`,
        );
      const result = await this.transactions.commit(work, acknowledge, run);
      committed = true;
      return result;
    });
    await this.transactions.during(run, () => this.run(run, opened, context));
    if (!committed) await this.transactions.commit(async () => undefined, acknowledge, run);
  }

  /**
   * Where `settle` looks at the lane, asking first is for those that are known to be parked: it
   * would cost every message a statement.
   */
  private mustAsk(delivery: Delivery, opened: OpenedMessage): boolean {
    if (!hasLane(delivery, opened)) return false;
    return (
      !delivery.acknowledgeInTransaction ||
      this.parkedLanes.has(delivery.subscription.name, opened.envelope.partitionkey!)
    );
  }

  /** A message whose lane is parked is rolled back, then waits with its lane. */
  private async refuseToOvertake(
    tx: Tx | undefined,
    delivery: Delivery,
    opened: OpenedMessage,
  ): Promise<void> {
    if (await this.store!.lanes.parkIfLaneBlocked(tx, parkable(delivery, opened.envelope)))
      throw new LaneParkedError(`${opened.envelope.type} waits behind a failed message of its key`);
    this.parkedLanes.delete(delivery.subscription.name, opened.envelope.partitionkey!);
  }

  /** The last statement of a handling: it takes effect once. */
  private async acknowledge(
    tx: Tx,
    delivery: Delivery,
    { envelope, handler }: OpenedMessage,
  ): Promise<void> {
    // What is personal or secret is encrypted anew whenever it is said: its bytes say nothing.
    const print = isEncrypted(handler.contract) ? undefined : fingerprintOf(delivery.body);
    if (delivery.acknowledgeInTransaction)
      return delivery.acknowledgeInTransaction(tx, { inOrder: true, print });
    if (!(await this.store!.inbox.record(tx, delivery.subscription.name, envelope.id, print)))
      throw new AlreadyHandledError(envelope.id);
    this.process.passes?.('inbox.recorded');
  }

  /**
   * Why a handling really failed: of a message that was handled before the effects are there
   * already, and of one that came before its turn they are not there yet. So it is asked what would
   * have become of its acknowledgement.
   */
  private async causeOf(
    error: unknown,
    delivery: TrackedDelivery,
    opened: OpenedMessage,
  ): Promise<unknown> {
    if (isSettlementError(error) || isAborted(delivery)) return error;
    const rollback = new Error('only looked');
    try {
      await this.inStore(delivery, async (tx) => {
        await this.acknowledge(tx, delivery, opened);
        throw rollback;
      });
    } catch (verdict) {
      if (isSettlementError(verdict)) return verdict;
      if (verdict !== rollback) throw verdict;
    }
    return error;
  }

  /** A step in the service's own store, which is bounded as a handler is. */
  private inStore<T>(
    { subscription, headers }: Delivery,
    work: (tx: Tx) => Promise<T>,
    last?: (tx: Tx) => Promise<void>,
  ): Promise<T> {
    const { kind, name } = subscription;
    const facts = {
      kind,
      contract: headers.type ?? 'unknown',
      subscription: name,
      id: headers.id ?? '',
      what: `the store of ${name}`,
      timeout: STORE_TIMEOUT_MS,
    };
    return this.runs.bounded(facts, (run) => this.store!.transaction(work, last, run));
  }

  private async run(
    run: HandlerRun,
    { handler, payload }: Pick<OpenedMessage, 'handler' | 'payload'>,
    context: object,
  ): Promise<unknown> {
    run.refuseIfEnded();
    const result: unknown = await handler.run(payload, context);
    const value: unknown = isObservable(result)
      ? await lastValueFrom(result, { defaultValue: undefined })
      : result;
    this.process.passes?.('handler.returned');
    return value;
  }

  private context(
    run: HandlerRun,
    delivery: TrackedDelivery,
    { handler, envelope }: OpenedMessage,
    transaction?: HandlerContext<Tx>['transaction'],
    tx?: Tx,
  ): HandlerContext<Tx> {
    let signal: AbortSignal | undefined;
    return {
      envelope: { ...envelope }, // the handler's own; ours still names the message
      attempt: delivery.attempt,
      get signal() {
        return (signal ??= run.signal([delivery.signal, delivery.cancelled]));
      },
      get tx() {
        if (!tx)
          throw new UnrecoverableError(
            `${handler.name} has no transaction yet; use context.transaction(…)`,
          );
        return tx;
      },
      transaction: transaction ?? (async (work) => work(tx!)),
    };
  }

  private batchContext(run: HandlerRun, members: readonly BatchItem[], tx: Tx): BatchContext<Tx> {
    let signal: AbortSignal | undefined;
    return {
      envelopes: members.map(({ opened }) => ({ ...opened.envelope })),
      get signal() {
        return (signal ??= run.signal(
          members.flatMap(({ delivery }) => [delivery.signal, delivery.cancelled]),
        ));
      },
      tx,
    };
  }

  private waitBehind(delivery: Delivery, opened: OpenedMessage, tries: number): Promise<Result> {
    return this.keep(delivery, tries, 'parked', async (tx) => {
      if (!(await this.store!.lanes.parkIfLaneBlocked(tx, parkable(delivery, opened.envelope))))
        throw new LeaseLostError('the lane was released meanwhile');
    });
  }

  private async retry(
    delivery: Delivery,
    error: unknown,
    tries: number,
    after: number,
  ): Promise<Result> {
    const failure = this.failure(delivery, error, tries);
    this.process.log(
      'warn',
      `${typeOf(delivery)} failed in ${delivery.subscription.name}, again in ${after} ms: ${failure.message}`,
      { failure },
    );
    if (delivery.supports.retry)
      return { outcome: { kind: 'retry', after, failure }, as: 'retry', tries };
    return this.keep(delivery, tries, 'retry', (tx) =>
      this.store!.lanes.park(tx, parkable(delivery), { after, failure }),
    );
  }

  private async dead(delivery: Delivery, error: unknown, tries: number): Promise<Result> {
    const failure = this.failure(delivery, error, tries);
    this.process.log(
      'error',
      `${typeOf(delivery)} is dead in ${delivery.subscription.name}: ${failure.message}`,
      { failure },
    );
    // Garbage harms nobody behind it; what a newer build said is as good as what follows it.
    const waits =
      (tries > 0 && !(error instanceof IdConflictError)) || error instanceof NewerVersionError;
    const hold = delivery.headers.partitionkey !== undefined && waits;
    if (delivery.supports.dead || !isDurable(delivery))
      return { outcome: { kind: 'dead', failure, hold }, as: 'dead', tries };
    return this.keep(delivery, tries, 'dead', (tx) =>
      this.store!.lanes.deadLetter(tx, parkable(delivery), failure, hold),
    );
  }

  /**
   * Moves a message into the service's own store, acknowledging it in the same transaction where
   * that can be.
   */
  private async keep(
    delivery: Delivery,
    tries: number,
    as: Handling['outcome'],
    move: (tx: Tx) => Promise<void>,
  ): Promise<Result> {
    try {
      await this.inStore(
        delivery,
        move,
        delivery.acknowledgeInTransaction && ((tx) => delivery.acknowledgeInTransaction!(tx)),
      );
      this.process.passes?.('message.kept');
      if (delivery.headers.partitionkey !== undefined)
        this.parkedLanes.add(delivery.subscription.name, delivery.headers.partitionkey);
      return {
        outcome: { kind: 'done', settled: delivery.acknowledgeInTransaction !== undefined },
        as,
        tries,
      };
    } catch (error) {
      if (error instanceof AlreadyHandledError)
        return { outcome: { kind: 'done', settled: false }, as: 'duplicate', tries };
      if (error instanceof LeaseLostError)
        return { outcome: { kind: 'return' }, as: 'return', tries };
      throw error;
    }
  }

  private async giveBack(delivery: Delivery, error: unknown): Promise<Result> {
    this.noteGivenBack(delivery, error);
    await new Promise<void>((resolve) => this.process.clock.after(STORE_DOWN_PAUSE_MS, resolve));
    return { outcome: { kind: 'return' }, as: 'return', tries: 1 };
  }

  /**
   * A store that is away gives back every message that fails meanwhile: that is said once in a
   * while.
   */
  private noteGivenBack(delivery: Delivery, error: unknown): void {
    const { name } = delivery.subscription;
    const outage = outageIn(error, this.store?.outage ? [this.store.outage] : []);
    if (!outage)
      return this.process.log(
        'error',
        `${typeOf(delivery)} could not be kept in the store of ${name}; it is given back`,
        { error },
      );
    this.outages.log(name, (more) =>
      this.process.log(
        'warn',
        `messages of ${name} cannot be kept in its store and are given back: ${outage.message}${moreTimes(more)}`,
      ),
    );
  }

  private failure(
    delivery: Pick<TrackedDelivery, 'failure' | 'personalTexts'>,
    error: unknown,
    tries: number,
  ): Failure {
    if (error instanceof ProcessEndedError) return evidenceOf(error, delivery.failure);
    const now = new Date(this.process.clock.now()).toISOString();
    return {
      ...withoutPersonal(describeError(error), delivery.personalTexts?.() ?? []),
      tries: (delivery.failure?.tries ?? 0) + tries,
      instance: this.process.instance,
      firstFailedAt: delivery.failure?.firstFailedAt ?? now,
      lastFailedAt: now,
    };
  }

  private observe(
    { subscription, headers, attempt }: Delivery,
    { as, tries, envelope }: Result,
    elapsed: number,
  ): void {
    const said = Date.parse(headers.time ?? '');
    const age = Number.isNaN(said) ? 0 : Math.max(0, this.process.clock.now() - said);
    const contract = subscription.handlers.has(headers.type ?? '') ? headers.type! : 'unknown';
    const { kind, name } = subscription;
    this.process.observer?.handled?.({
      kind,
      contract,
      subscription: name,
      outcome: as,
      attempt,
      tries,
      milliseconds: elapsed,
      age,
      envelope,
    });
  }
}

/**
 * What a handler did to its message must not reach the next try. What is packed is unpacked again
 * then.
 */
const freshPayload = (delivery: Delivery, first: OpenedMessage): OpenedMessage => {
  const { envelope, handler, packed } = first;
  return packed
    ? first
    : {
        ...first,
        payload: currentPayload(handler.contract, envelope, decode(envelope.type, delivery.body)),
      };
};

/** Milliseconds. */
export const timeoutOf = ({ options: { timeout } }: Handler): number =>
  timeout === undefined ? DEFAULT_TIMEOUT_MS : milliseconds(timeout);

function factsOf({ subscription }: Delivery, { envelope, handler }: OpenedMessage): RunFacts {
  const { kind, name } = subscription;
  return {
    kind,
    contract: envelope.type,
    subscription: name,
    id: envelope.id,
    what: handler.name,
    timeout: timeoutOf(handler),
  };
}

/**
 * A handler that did not end is not run again at once: it would keep its slot and its lane from
 * others for as long again.
 */
const blocksLane = (error: unknown, { delays }: RetryPolicy): boolean =>
  error instanceof HandlerTimeoutError && delays.length > 0;

/**
 * Two batches with the same messages or lanes, in whatever order they came, lock them in the same
 * order: else each could wait for the other.
 */
const inOneOrder = (members: readonly BatchItem[]): readonly BatchItem[] =>
  members.toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
const orderOf = ({ opened: { envelope } }: BatchItem): string =>
  `${envelope.partitionkey ?? ''}\n${envelope.id}`;

/** Not at the first failure: what is still under way then would end up behind the rollback. */
async function allDone(acknowledged: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(acknowledged)).find(
    ({ status }) => status === 'rejected',
  );
  if (failed) throw (failed as PromiseRejectedResult).reason;
}

/** Characters of a type that a log line names: any program may have written it. */
const TYPE_SHOWN = 200;

const typeOf = ({ headers: { type = 'a message without type' } }: Delivery): string =>
  type.length <= TYPE_SHOWN ? type : `${type.slice(0, TYPE_SHOWN)}…`;

const isDurable = ({ subscription }: Delivery): boolean =>
  subscription.kind !== 'broadcast' && !subscription.live;

/**
 * Whether its lane is in the service's store, if it is parked; those who deliver from there know by
 * themselves.
 */
const hasLane = ({ supports }: Delivery, { envelope }: OpenedMessage): boolean =>
  envelope.partitionkey !== undefined && !supports.retry;

const isSettlementError = (error: unknown): boolean =>
  error instanceof AlreadyHandledError ||
  error instanceof IdConflictError ||
  error instanceof LaneParkedError ||
  error instanceof LeaseLostError;

const isAborted = ({ signal, cancelled }: TrackedDelivery): boolean =>
  signal.aborted || cancelled.aborted;

const parkable = ({ subscription, headers, body }: Delivery, envelope?: Envelope) => ({
  subscription: subscription.name,
  key: envelope?.partitionkey ?? headers.partitionkey,
  headers,
  body,
});
