import { moreTimes, LogThrottle } from '../log-throttle';
import {
  AlreadyHandledError,
  describeError,
  type Failure,
  LeaseLostError,
  ProcessEndedError,
  withoutPersonal,
} from '../message/failure';
import type { Delivery } from '../ports/delivery';
import type { Handling } from '../ports/observer';
import { outageIn, outageReadersOf } from '../ports/outage';
import type { Store } from '../ports/store';
import type { TransportContext } from '../ports/transport';
import type { Tx } from '../ports/tx';
import type { DeadLetterDecision } from './failure-decision';
import type { LaneGuard } from './lane-guard';
import type { OpenedMessage } from './open-message';
import type { Settlement } from './settlement';
import { evidenceOf } from './suspects';
import {
  duplicate,
  givenBack,
  isDurable,
  parkable,
  type Result,
  type TrackedDelivery,
  typeOf,
} from './tracked-delivery';

/**
 * Milliseconds to wait when our own store is down, too: brokers redeliver a returned message at
 * once.
 */
const STORE_DOWN_PAUSE_MS = 1_000;

/**
 * Keeps messages whose handling failed: in the technology if it can, otherwise in the service's own
 * store.
 */
export class FailedMessageStore {
  private readonly outages = new LogThrottle();

  constructor(
    private readonly store: Store | undefined,
    private readonly settlement: Settlement,
    private readonly lanes: LaneGuard,
    private readonly process: Pick<TransportContext, 'instance' | 'clock' | 'log' | 'passes'>,
  ) {}

  /** Delivers the message again after `after` milliseconds. */
  async retry(delivery: Delivery, error: unknown, tries: number, after: number): Promise<Result> {
    const failure = this.failure(delivery, error, tries);
    this.process.log(
      'warn',
      `${typeOf(delivery)} failed in ${delivery.subscription.name}, again in ${after} ms: ${failure.message}`,
      { failure },
    );
    if (delivery.supports.retry)
      return { outcome: { kind: 'retry', after, failure }, as: 'retry', tries, failure };
    const kept = await this.keep(delivery, tries, 'retry', (tx) =>
      this.store!.lanes.park(tx, parkable(delivery), { after, failure }),
    );
    return { ...kept, failure };
  }

  async deadLetter(
    delivery: Delivery,
    { error, tries, blocksLane: hold }: DeadLetterDecision,
  ): Promise<Result> {
    const failure = this.failure(delivery, error, tries);
    this.process.log(
      'error',
      `${typeOf(delivery)} is dead in ${delivery.subscription.name}: ${failure.message}`,
      { failure },
    );
    if (delivery.supports.dead || !isDurable(delivery))
      return { outcome: { kind: 'dead', failure, hold }, as: 'dead', tries, failure };
    const kept = await this.keep(delivery, tries, 'dead', (tx) =>
      this.store!.lanes.deadLetter(tx, parkable(delivery), failure, hold),
    );
    return { ...kept, failure };
  }

  /** Parks a message behind the earlier one of its lane that failed. */
  parkBehind(delivery: Delivery, { envelope }: OpenedMessage, tries: number): Promise<Result> {
    return this.keep(delivery, tries, 'parked', async (tx) => {
      if (!(await this.store!.lanes.parkIfLaneBlocked(tx, parkable(delivery, envelope))))
        throw new LeaseLostError('the lane was released meanwhile');
    });
  }

  /** The store is away: gives the message back, after a pause. */
  async giveBack(delivery: Delivery, error: unknown): Promise<Result> {
    this.logNotKept(delivery, error);
    await new Promise<void>((resolve) => this.process.clock.after(STORE_DOWN_PAUSE_MS, resolve));
    return givenBack(1);
  }

  /**
   * Moves a message into the service's own store, and acknowledges it in the same transaction where
   * possible.
   */
  private async keep(
    delivery: Delivery,
    tries: number,
    as: Handling['outcome'],
    move: (tx: Tx) => Promise<void>,
  ): Promise<Result> {
    const { acknowledgeInTransaction } = delivery;
    try {
      await this.settlement.inStore(
        delivery,
        move,
        acknowledgeInTransaction && ((tx) => acknowledgeInTransaction(tx)),
      );
      this.process.passes?.('message.kept');
      this.lanes.noteParked(delivery);
      const settled = acknowledgeInTransaction !== undefined;
      return { outcome: { kind: 'done', settled }, as, tries };
    } catch (error) {
      if (error instanceof AlreadyHandledError) return duplicate(tries);
      if (error instanceof LeaseLostError) return givenBack(tries);
      throw error;
    }
  }

  /** While the store is away every failed message is given back: logs it once in a while. */
  private logNotKept(delivery: Delivery, error: unknown): void {
    const { name } = delivery.subscription;
    const outage = outageIn(error, outageReadersOf([this.store]));
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
}
