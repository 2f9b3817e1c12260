import type { OutgoingMessage } from '../message/message';

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
