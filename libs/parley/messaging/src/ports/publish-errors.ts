import type { OutgoingMessage } from '../message/message';
import { OutageError, outageIn, type OutageReader } from './outage';

/**
 * Thrown where a message is sent, on every technology: nothing was stored. The technology is away,
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
 * Thrown where a message is sent, on every technology: it may have been stored or not. Sending it
 * again under the same idempotency key is safe.
 */
export class UnconfirmedError extends OutageError {
  override readonly name = 'UnconfirmedError';
  override readonly effect = 'unknown';
}

/**
 * Thrown by a transport: none of the given messages was stored. Each of them may succeed by itself.
 */
export class UnpublishedError extends Error {
  override readonly name: string = 'UnpublishedError';
}

/**
 * Thrown by a transport: nothing was stored, and the same message would be refused again, because
 * of its size, an attribute or a name. Something that the technology lacks for now (room, a
 * permission, a queue) is not such a reason: that message waits.
 */
export class UnpublishableError extends UnpublishedError {
  override readonly name: string = 'UnpublishableError';
}

/** A message was not sent, because an earlier one of its lane could not be published. */
export class NotTriedError extends Error {
  override readonly name = 'NotTriedError';
}

/** The errors of sending by one technology, in the same words for all technologies. */
export class PublishErrors {
  private readonly later: string;
  private readonly again: string;

  /**
   * @param broker `RabbitMQ at amqp://localhost`, without credentials
   * @param isKept false where a broadcast that is sent again late is of no use
   */
  constructor(
    private readonly broker: string,
    isKept = true,
  ) {
    const ifItMatters = 'nothing keeps it, so send it again if it still matters';
    this.later = isKept ? 'nothing was stored, send it again when it is back' : ifItMatters;
    this.again = isKept ? 'send it again under the same id' : ifItMatters;
  }

  /** No message can be handed over. */
  notConnected(why = 'there is no connection', cause?: unknown): NotStoredError {
    return new NotStoredError(`${this.broker} takes no messages (${why}); ${this.later}`, {
      cause,
    });
  }

  /** The message was not handed over, or the broker rejected it for now. */
  notStored(target: string, why: string, cause?: unknown): NotStoredError {
    return new NotStoredError(
      `${this.broker} did not take a message for ${target} (${why}); ${this.later}`,
      { cause },
    );
  }

  /** @param target `queue orders` @param remedy what is done about it, by whom */
  unroutable(target: string, remedy: string, cause?: unknown): UnroutableError {
    return new UnroutableError(`${this.broker} has no ${target}: someone deleted it; ${remedy}`, {
      cause,
    });
  }

  /** The message was handed over, and no confirm came. */
  unconfirmed(target: string, why: string, cause?: unknown): UnconfirmedError {
    return new UnconfirmedError(
      `${this.broker} did not confirm a message for ${target} (${why}); ${this.again}`,
      { cause },
    );
  }

  /** The broker, or its protocol, never takes such a message. */
  unacceptable(target: string, why: string, cause?: unknown): UnpublishableError {
    return new UnpublishableError(
      `${this.broker} takes no such message for ${target} (${why}); nothing was stored`,
      { cause },
    );
  }
}

/**
 * The error of one message that was sent outside of a transaction: outages that a client library
 * reports become NotStoredError or UnconfirmedError, other errors stay as they are.
 */
export function publishError(error: unknown, readers: readonly OutageReader[]): unknown {
  if (error instanceof NotStoredError || error instanceof UnconfirmedError) return error;
  if (error instanceof UnpublishableError) return error;
  if (error instanceof UnpublishedError) return new NotStoredError(error.message, { cause: error });
  const outage = outageIn(error, readers);
  if (!outage) return error;
  return outage.effect === 'none'
    ? new NotStoredError(outage.message, { cause: error })
    : new UnconfirmedError(outage.message, { cause: error });
}

/** Messages that were not published, each with its reason. */
export type Failures = ReadonlyMap<OutgoingMessage, unknown>;

/**
 * Thrown by a transport that was given several messages: these were not published, each for its
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
 * The error to throw when these of `all` were not published. Of one message, it is the cause
 * itself.
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

/** Milliseconds until the next try after so many failures in a row. */
export const backoffAfter = (failures: number): number =>
  Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** failures);
