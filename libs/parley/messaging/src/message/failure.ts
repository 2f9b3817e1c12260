import { storable } from './storable';
import { withoutUrlPasswords } from './url-passwords';

/** Thrown by a handler when another try cannot help. The message becomes a dead letter at once. */
export class UnrecoverableError extends Error {
  override readonly name: string = 'UnrecoverableError';
}

/**
 * The lease of the message expired, and another consumer may have it. This handling is rolled back.
 */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
}

/** The message took effect before; this handling is rolled back and the message acknowledged. */
export class AlreadyHandledError extends Error {
  override readonly name = 'AlreadyHandledError';
}

/**
 * Another message was handled under this id before: its idempotency key was used twice, or an
 * attacker forged the id. It is kept as a dead letter; its lane does not wait for it.
 */
export class IdConflictError extends UnrecoverableError {
  override readonly name = 'IdConflictError';
  constructor(id: string) {
    super(
      `message ${id} was handled before with another body: its id, or its idempotency key, was used for two things`,
    );
  }
}

/** A handling that began and had no outcome. */
export interface UnfinishedHandling {
  readonly instance: string;
  readonly at: Date;
}

/**
 * The process that handled the message ended, or lost its lease, as often as is allowed. There was
 * no error to keep: this is the evidence.
 */
export class ProcessEndedError extends UnrecoverableError {
  override readonly name = 'ProcessEndedError';
  constructor(readonly unfinished: readonly UnfinishedHandling[]) {
    const times = unfinished.map(({ instance, at }) => `\n${at.toISOString()} ${instance}`);
    super(
      `its process ended, or lost its lease, while it was handled alone, ${times.length} times in a row:${times.join('')}`,
    );
  }
}

/** Why a handling failed, as it is kept with a dead letter. */
export interface Failure {
  /** The error's class. */
  readonly error: string;
  readonly message: string;
  readonly stack: string;
  /** Handlings so far, immediate retries included. */
  readonly tries: number;
  /** The instance that failed last. */
  readonly instance: string;
  /** ISO 8601. */
  readonly firstFailedAt: string;
  readonly lastFailedAt: string;
}

const STACK_LIMIT = 8_000;
const MESSAGE_LIMIT = 2_000;

/**
 * Any thrown value as evidence: bounded in size, text that every store takes, without the password
 * of a URL; never throws itself.
 */
export function describeError(thrown: unknown): Pick<Failure, 'error' | 'message' | 'stack'> {
  if (!(thrown instanceof Error))
    return { error: typeof thrown, message: bounded(thrown, MESSAGE_LIMIT), stack: '' };
  return {
    error: bounded(classOf(thrown), MESSAGE_LIMIT),
    message: bounded(thrown.message, MESSAGE_LIMIT),
    stack: bounded(thrown.stack ?? '', STACK_LIMIT),
  };
}

/**
 * Characters of the shortest value that is redacted: shorter ones occur everywhere, and would
 * destroy the stack.
 */
const TELLING = 3;

/** Evidence without the personal texts of its message: evidence is not encrypted. */
export function withoutPersonal<E extends Pick<Failure, 'message' | 'stack'>>(
  evidence: E,
  personal: readonly string[],
): E {
  const texts = personal
    .filter(({ length }) => length >= TELLING)
    .sort((a, b) => b.length - a.length);
  const without = (text: string) => texts.reduce((left, one) => left.replaceAll(one, '…'), text);
  return { ...evidence, message: without(evidence.message), stack: without(evidence.stack) };
}

/** The error's class: many classes do not set `name`. */
const classOf = ({ name, constructor }: Error): string =>
  name && name !== 'Error' ? name : constructor?.name || 'Error';

function bounded(value: unknown, limit: number): string {
  const text = shown(value);
  const isCut = text.length > limit;
  const kept = withoutUrlPasswords(storable(text.slice(0, limit)), isCut);
  return isCut ? `${kept}… (${text.length} characters)` : kept;
}

/**
 * The text of a thrown value, which may refuse even to be shown. A message that fails so must fail
 * like any other.
 */
function shown(value: unknown): string {
  try {
    return String(value);
  } catch {
    return 'something that cannot be shown';
  }
}

/**
 * An earlier message of the lane failed and waits; this one must wait behind it. Its handling is
 * rolled back.
 */
export class LaneParkedError extends Error {
  override readonly name = 'LaneParkedError';
}
