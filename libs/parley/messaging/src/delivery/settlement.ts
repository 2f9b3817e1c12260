import {
  AlreadyHandledError,
  IdConflictError,
  LaneParkedError,
  LeaseLostError,
} from '../message/failure';
import { fingerprintOf } from '../message/message-id';
import { isEncrypted } from '../payload/field-encryption';
import type { Delivery } from '../ports/delivery';
import type { FailpointHook } from '../ports/failpoints';
import type { Store } from '../ports/store';
import type { Tx } from '../ports/tx';
import type { HandlerRuns } from './handler-runs';
import type { BatchItem, OpenedMessage } from './open-message';
import { isAborted, type TrackedDelivery } from './tracked-delivery';

/** Milliseconds that one step in the service's own store may take. */
const STORE_TIMEOUT_MS = 30_000;

/** The acknowledgement of a message, which commits with its handler's effects. */
export class Settlement {
  constructor(
    private readonly store: Store | undefined,
    private readonly runs: HandlerRuns,
    private readonly passes?: FailpointHook,
  ) {}

  /**
   * The last statement of a handling: a message takes effect once.
   * @throws AlreadyHandledError, IdConflictError, LaneParkedError, LeaseLostError: the handling is
   * rolled back
   */
  async acknowledge(tx: Tx, delivery: Delivery, opened: OpenedMessage): Promise<void> {
    const { envelope } = opened;
    const print = printOf(delivery, opened);
    if (delivery.acknowledgeInTransaction)
      return delivery.acknowledgeInTransaction(tx, { inOrder: true, print });
    if (!(await this.store!.inbox.record(tx, delivery.subscription.name, envelope.id, print)))
      throw new AlreadyHandledError(envelope.id);
    this.passes?.('inbox.recorded');
  }

  /** Acknowledges a batch, whose messages are all acknowledged in the same way. Throws like `acknowledge`. */
  async acknowledgeAll(tx: Tx, items: readonly BatchItem[]): Promise<void> {
    const { delivery } = items[0]!;
    const { batchAcknowledgement: one } = delivery;
    const isOneStatement = items.every(
      ({ delivery: { batchAcknowledgement } }) =>
        batchAcknowledgement?.acknowledgeAll === one?.acknowledgeAll,
    );
    if (one && isOneStatement) {
      const messages = items.map((item) => ({
        receipt: item.delivery.batchAcknowledgement!.receipt,
        print: printOf(item.delivery, item.opened),
      }));
      return one.acknowledgeAll(tx, messages, { inOrder: true });
    }
    if (delivery.acknowledgeInTransaction)
      return allDone(items.map((item) => this.acknowledge(tx, item.delivery, item.opened)));
    const messages = items.map((item) => ({
      id: item.opened.envelope.id,
      print: printOf(item.delivery, item.opened),
    }));
    if (!(await this.store!.inbox.recordAll(tx, delivery.subscription.name, messages)))
      throw new AlreadyHandledError(`one of ${items.length} messages`);
    this.passes?.('inbox.recorded');
  }

  /**
   * The real reason of a failed handling. A handler may stumble over its own earlier effects, when
   * the message was handled before, or over missing ones, when the message is out of turn. So the
   * acknowledgement is tried in a dry run and rolled back: a duplicate or a parked lane outranks
   * the handler's error.
   */
  async causeOf(
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
    } catch (cause) {
      if (isSettlementError(cause)) return cause;
      if (cause !== rollback) throw cause;
    }
    return error;
  }

  /** Runs a step in the service's own store, with a time limit like a handler's. */
  inStore<T>(
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
}

/** None for a contract with encrypted fields: they are encrypted anew at each sending. */
const printOf = (delivery: Delivery, opened: OpenedMessage): string | undefined =>
  isEncrypted(opened.handler.contract) ? undefined : fingerprintOf(delivery.body);

/**
 * Rejects when all have ended, not at the first failure: a statement still under way would run
 * after the rollback.
 */
async function allDone(acknowledged: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(acknowledged)).find(
    ({ status }) => status === 'rejected',
  );
  if (failed) throw (failed as PromiseRejectedResult).reason;
}

/** True when the acknowledgement refused the handling, rather than the handler failing. */
export const isSettlementError = (error: unknown): boolean =>
  error instanceof AlreadyHandledError ||
  error instanceof IdConflictError ||
  error instanceof LaneParkedError ||
  error instanceof LeaseLostError;
