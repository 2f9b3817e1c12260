import type { Envelope } from '../message/message';
import type { Delivery, Outcome } from '../ports/delivery';
import type { Handling } from '../ports/observer';
import type { ParkedMessage } from '../ports/store';
import type { Failure } from '../message/failure';
import type { SuspectHandling } from './suspects';

/** A delivery under way in this process. */
export interface TrackedDelivery extends Delivery {
  /** Aborted when a drain runs out of time. */
  readonly cancelled: AbortSignal;
  /** The recorded handling of a suspect; absent for other messages. */
  readonly suspectHandling?: SuspectHandling;
  /** The personal texts in the message, once they are known. */
  readonly personalTexts?: () => readonly string[];
}

/** How a delivery ended: for the transport (`outcome`) and for the observer (the rest). */
export interface Result {
  readonly outcome: Outcome;
  readonly as: Handling['outcome'];
  readonly tries: number;
  readonly envelope?: Envelope;
  /** Why it failed, where it did. */
  readonly failure?: Failure;
}

/** The handler took effect and its message is acknowledged. */
export const handled = (delivery: Delivery, tries: number): Result => ({
  outcome: { kind: 'done', settled: delivery.acknowledgeInTransaction !== undefined },
  as: 'done',
  tries,
});

/** The message was never handled: it is delivered again, and this delivery does not count. */
export const givenBack = (tries: number): Result => ({
  outcome: { kind: 'return' },
  as: 'return',
  tries,
});

/** The message took effect before: it is acknowledged once more. */
export const duplicate = (tries: number): Result => ({
  outcome: { kind: 'done', settled: false },
  as: 'duplicate',
  tries,
});

/** Broadcasts and live tails are not: they are delivered at most once. */
export const isDurable = ({ subscription }: Delivery): boolean =>
  subscription.kind !== 'broadcast' && !subscription.live;

/** The delivery is no longer ours, or the drain ran out of time. */
export const isAborted = ({ signal, cancelled }: TrackedDelivery): boolean =>
  signal.aborted || cancelled.aborted;

/** Characters of a type that a log line names: any program may have written it. */
const MAX_TYPE_SHOWN = 200;

/** The type that a log line names. */
export const typeOf = ({ headers: { type = 'a message without type' } }: Delivery): string =>
  type.length <= MAX_TYPE_SHOWN ? type : `${type.slice(0, MAX_TYPE_SHOWN)}…`;

/** The message, as the service's store keeps it. */
export const parkable = (
  { subscription, headers, body }: Delivery,
  envelope?: Envelope,
): ParkedMessage => ({
  subscription: subscription.name,
  key: envelope?.partitionkey ?? headers.partitionkey,
  // Events keep their order, whatever their sender wrote into a header.
  passesDeadLetters: subscription.kind === 'command' && headers.passdeadletters === 'true',
  headers,
  body,
});
