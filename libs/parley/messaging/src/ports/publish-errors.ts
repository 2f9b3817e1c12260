import type { OutgoingMessage } from '../message/message';
import { OutageError, outageIn, type OutageReader } from './outage';

/**
 * Thrown where a message is sent, whatever carries it: nothing was stored. The technology is away,
 * full, or does not allow it for now. Sending it again later may succeed.
 */
export class NotStoredError extends OutageError {
  override readonly name: string = 'NotStoredError';
  override readonly effect = 'none';
}

/** The technology has no queue, topic or address for the message. Nothing was stored. */
export class UnroutableError extends NotStoredError {
  override readonly name = 'UnroutableError';
}

/**
 * Thrown where a message is sent, whatever carries it: nobody knows whether it was stored. Sending
 * it again under the same idempotency key is safe.
 */
export class UnconfirmedError extends OutageError {
  override readonly name = 'UnconfirmedError';
  override readonly effect = 'unknown';
}

/**
 * Thrown by a transport: nothing was stored of what it was handed. Alone, another message of the
 * same hand may be taken.
 */
export class UnpublishedError extends Error {
  override readonly name: string = 'UnpublishedError';
}

/**
 * Thrown by a transport: nothing was stored, and the same message would be refused again, for the
 * reason lies in the message (its size, an attribute, a name). What the technology lacks for now
 * (room, a permission, a queue) is no reason to say so: that message waits.
 */
export class UnpublishableError extends UnpublishedError {
  override readonly name: string = 'UnpublishableError';
}

/** A message was not sent, because an earlier one of its lane could not be published. */
export class NotTriedError extends Error {
  override readonly name = 'NotTriedError';
}

/**
 * The error of one message that was sent outside of a transaction: outages that a client library
 * reports become NotStoredError or UnconfirmedError, other errors stay as they are.
 */
export function publishError(error: unknown, readers: readonly OutageReader[]): unknown {
  if (error instanceof NotStoredError || error instanceof UnconfirmedError) return error;
  const outage = outageIn(error, readers);
  if (!outage) return error;
  return outage.effect === 'none'
    ? new NotStoredError(outage.message, { cause: error })
    : new UnconfirmedError(outage.message, { cause: error });
}

/** Why each of some messages was not published. */
export type Failures = ReadonlyMap<OutgoingMessage, unknown>;

/**
 * Thrown by a transport that was handed several messages: these were not published, each for its
 * reason; the others were.
 */
export class PartlyPublishedError extends Error {
  override readonly name = 'PartlyPublishedError';
  constructor(readonly failures: Failures) {
    super(`${failures.size} messages were not published: ${messageOf(firstCause(failures))}`, {
      cause: firstCause(failures),
    });
  }
}

/**
 * What to throw when these of `all` were not published: of one message, or with one cause for all,
 * the cause itself.
 */
export function failureOf(failures: Failures, all: readonly OutgoingMessage[]): unknown {
  return all.length === 1 ? firstCause(failures) : new PartlyPublishedError(failures);
}

function firstCause(failures: Failures): unknown {
  const causes = [...failures.values()];
  return causes.find((cause) => !(cause instanceof NotTriedError)) ?? causes[0];
}

const messageOf = (cause: unknown): string =>
  cause instanceof Error ? cause.message : String(cause);

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 5_000;

/** Milliseconds until what failed so often before is tried again. */
export const backoffAfter = (failures: number): number =>
  Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(failures, 10));
