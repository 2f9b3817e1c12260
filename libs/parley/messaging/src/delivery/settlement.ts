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
import type { OpenedMessage } from './open-message';
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
    const { envelope, handler } = opened;
    // No fingerprint for a contract with encrypted fields: they are encrypted anew at each sending.
    const print = isEncrypted(handler.contract) ? undefined : fingerprintOf(delivery.body);
    if (delivery.acknowledgeInTransaction)
      return delivery.acknowledgeInTransaction(tx, { inOrder: true, print });
    if (!(await this.store!.inbox.record(tx, delivery.subscription.name, envelope.id, print)))
      throw new AlreadyHandledError(envelope.id);
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

/** True when the acknowledgement refused the handling, rather than the handler failing. */
export const isSettlementError = (error: unknown): boolean =>
  error instanceof AlreadyHandledError ||
  error instanceof IdConflictError ||
  error instanceof LaneParkedError ||
  error instanceof LeaseLostError;
