import { OutageError } from '@parley/messaging';
import type { EffectOfOutage } from '@parley/messaging/transport';
import { PostgresUnavailableError } from '../address';

/** A statement failed for a reason that passes. */
export class DatabaseAwayError extends OutageError {
  override readonly name = 'DatabaseAwayError';
  constructor(
    why: string,
    readonly effect: EffectOfOutage,
    cause: unknown,
  ) {
    super(why, { cause });
  }
}

/**
 * SQLSTATEs of the server's state, not of the statement: the same statement works once that state
 * has passed.
 */
const PASSING: Readonly<Record<string, string>> = {
  '25006': 'is read-only',
  '25P03': 'ended a transaction that was idle for too long',
  '25P04': 'ended a transaction that took too long',
  '40001': 'could not bring the transaction into an order with others',
  '40P01': 'ended a deadlock',
  '55P03': 'did not give a lock in time',
  '57014': 'did not finish the statement in time',
  '57P05': 'ended a session that was idle for too long',
};

/** Classes of SQLSTATEs: connections, resources, an operator's intervention, the system below. */
const PASSING_CLASSES: Readonly<Record<string, string>> = {
  '08': 'is not connected',
  '53': 'has no resources left',
  '57': 'is being stopped or started',
  '58': 'has trouble with its system',
};

/** SQLSTATEs after which the result of a COMMIT that was in progress is unknown. */
const BREAKS = /^(08(?!001|004)|57P0[12]|58)/;

/** TypeORM's error after it has released a broken connection; the error has no other detail. */
const RELEASED = /AlreadyReleased/;
const CONNECTION_BROKE = { why: 'the connection to the database broke' };

const SQLSTATE = /^[0-9A-Z]{5}$/;

/** Codes of Node's network calls. */
const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENETRESET',
  'EADDRNOTAVAIL',
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** Those with which a connection is not opened, so that nothing was sent. */
const NOT_OPENED = new Set(['ECONNREFUSED', 'EADDRNOTAVAIL', 'EMFILE', 'ENFILE']);

/** Errors of pg and its pool that have no code. */
const WITHOUT_CODE =
  /^(Connection terminated|Query read timeout|timeout expired|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed and is not queryable)/;

/**
 * No free connection in the pool, or a server that was never reached: the statement was not sent.
 */
const NEVER_LEFT = /^timeout exceeded when trying to connect/;

/**
 * The outage behind an error, if any. The effect is unknown when a connection breaks: a statement
 * that commits by itself may have taken effect.
 * @see OutageReader
 */
export function outageOf(error: unknown): DatabaseAwayError | undefined {
  if (error instanceof DatabaseAwayError) return error;
  const found = reasonIn(error);
  return found && new DatabaseAwayError(found.why, found.breaks ? 'unknown' : 'none', error);
}

/**
 * Turns an error before COMMIT into an outage without effect: the transaction is rolled back, even
 * if its connection broke. Returns other errors as they are, also network errors that may come from
 * a handler's own connections.
 */
export function beforeCommit(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof DatabaseAwayError) return error;
  const isOurs = 'driverError' in error || !('syscall' in error);
  const found = RELEASED.test(error.name) ? CONNECTION_BROKE : isOurs && reasonIn(error);
  return found ? new DatabaseAwayError(found.why, 'none', error) : error;
}

/** The outage of an open transaction after TypeORM has released its broken connection. */
export const connectionBroke = (): DatabaseAwayError =>
  new DatabaseAwayError(CONNECTION_BROKE.why, 'none', undefined);

/**
 * Turns a connection that broke during COMMIT into an outage of unknown effect. Returns other
 * errors as they are.
 */
export function underCommit(error: unknown): unknown {
  const found = reasonIn(error);
  return found?.breaks
    ? new DatabaseAwayError(
        `${found.why}; it broke while a transaction was committed, whether it took effect is unknown`,
        'unknown',
        error,
      )
    : error;
}

interface Reason {
  readonly why: string;
  readonly breaks: boolean;
}

/**
 * Finds the reason also in errors that wrap it: TypeORM's, the kit's own, and Node's AggregateError
 * for a name with several addresses.
 */
function reasonIn(error: unknown): Reason | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof AggregateError) return firstOf(error.errors);
  if (error instanceof PostgresUnavailableError) return reasonIn(error.cause);
  const { code, driverError } = error as { code?: unknown; driverError?: unknown };
  if (driverError !== undefined) return reasonIn(driverError);
  return reasonOf(typeof code === 'string' ? code : '', error.message);
}

function firstOf(errors: readonly unknown[]): Reason | undefined {
  for (const error of errors) {
    const found = reasonIn(error);
    if (found) return found;
  }
  return undefined;
}

function reasonOf(code: string, message: string): Reason | undefined {
  if (NETWORK.has(code))
    return { why: `a connection failed: ${message || code}`, breaks: !NOT_OPENED.has(code) };
  if (SQLSTATE.test(code)) {
    const why = PASSING[code] ?? PASSING_CLASSES[code.slice(0, 2)];
    return why === undefined
      ? undefined
      : { why: `the database ${why} (${code})`, breaks: BREAKS.test(code) };
  }
  return WITHOUT_CODE.test(message)
    ? { why: `the database does not answer (${message})`, breaks: !NEVER_LEFT.test(message) }
    : undefined;
}
