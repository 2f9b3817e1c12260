import type { Failure } from '../message/failure';
import type { Headers } from '../message/message';
import type { Tx } from './tx';
import type { RegisteredSubscription } from './subscription';

/**
 * The pipeline, as a transport sees it: takes a message and resolves with its outcome. Never
 * rejects.
 */
export type Deliver = (delivery: Delivery) => Promise<Outcome>;

export interface Delivery {
  readonly subscription: RegisteredSubscription;
  /**
   * CloudEvents attributes under their plain names; anything else the technology carried along,
   * too.
   */
  readonly headers: Headers;
  readonly body: Buffer;
  /**
   * 1 for the first delivery, one more for each delayed retry. A delivery that had no outcome, or
   * was given back, does not count.
   */
  readonly attempt: number;
  /**
   * True: it may have been delivered before without an outcome, because a process ended or lost its
   * lease while it held it. It is then handled alone in its process, and its handlings are counted
   * in the service's store.
   */
  readonly suspect?: boolean;
  /**
   * Aborted when the delivery is no longer ours (lease lost, connection gone) or the drain ran out
   * of time.
   */
  readonly signal: AbortSignal;
  /** True: it comes from the store of the service, after a failure or behind one. */
  readonly kept?: boolean;
  /** The earlier failure of the message, if the technology kept it. */
  readonly failure?: Failure;
  /**
   * Present when the message lives in the database of the handler's transaction: its
   * acknowledgement, the transaction's last statement. Rejects with LeaseLostError or
   * AlreadyHandledError, which roll the handling back. It also does the inbox's work. With
   * `inOrder` it rejects with LaneParkedError when an earlier message of the lane is parked in the
   * service's store; where the inbox goes by ids, with IdConflictError when a message with another
   * `print` took effect under this one's.
   */
  readonly acknowledgeInTransaction?: (
    tx: Tx,
    options?: { readonly inOrder: boolean; readonly print?: string },
  ) => Promise<void>;
  /** Present where a batch can be acknowledged in one statement. */
  readonly batchAcknowledgement?: BatchAcknowledgement;
  /**
   * Outcomes that the transport carries out by itself. The pipeline does the others with the
   * service's store.
   */
  readonly supports: { readonly retry: boolean; readonly dead: boolean };
}

/** As `acknowledgeInTransaction`, for several messages in one statement: all of them or none. */
export interface BatchAcknowledgement {
  /** Identifies the message. */
  readonly receipt: unknown;
  /** The same function for all messages that can be acknowledged together. */
  readonly acknowledgeAll: (
    tx: Tx,
    messages: readonly { readonly receipt: unknown; readonly print?: string }[],
    options: { readonly inOrder: boolean },
  ) => Promise<void>;
}

/**
 * The outcome of a delivery. The transport carries it out exactly once, then forgets the delivery.
 */
export type Outcome =
  /**
   * Took effect, or is kept in the service's own store: acknowledge. (With `settle`: already
   * acknowledged by the commit.)
   */
  | { readonly kind: 'done'; readonly settled: boolean }
  /**
   * Deliver again, not before `after` milliseconds, its lane waiting with it. The copy is confirmed
   * before the original is acknowledged.
   */
  | { readonly kind: 'retry'; readonly after: number; readonly failure: Failure }
  /** Keep as a dead letter. `hold`: later messages of its lane wait for a person. */
  | { readonly kind: 'dead'; readonly failure: Failure; readonly hold: boolean }
  /** Never handled (drain, lease lost): give back as it was; counts as no attempt. */
  | { readonly kind: 'return' };
