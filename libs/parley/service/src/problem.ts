import { HttpException } from '@nestjs/common';
import { IdempotencyConflictError, InvalidMessageError, OutageError } from '@parley/messaging';
import { effectAfter } from '@parley/messaging/transport';
import { DeadlineExceededError } from '@parley/resilience';

/** A problem of RFC 9457: `application/problem+json`. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  /** The fields that are wrong, at most 20. */
  readonly errors?: readonly FieldError[];
}

export interface FieldError {
  /** `lines.0.quantity` */
  readonly field: string;
  readonly message: string;
}

/** A request that is refused: nothing was stored, nothing was sent. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  constructor(readonly problem: Problem) {
    super(problem.title);
  }
}

/** The client closed its connection before the reply. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError';
  constructor() {
    super('the client went away before the reply');
  }
}

/** The parts of a request that its problem depends on. */
export interface Asked {
  readonly method: string;
  /** True when the request has an Idempotency-Key: then it may be repeated after any answer. */
  readonly hasKey: boolean;
}

export const problem = (
  status: number,
  title: string,
  detail?: string,
  errors?: readonly FieldError[],
): Problem => ({
  type: 'about:blank',
  title,
  status,
  ...(detail === undefined ? {} : { detail }),
  ...(errors === undefined ? {} : { errors }),
});

export const invalid = (errors: readonly FieldError[]): Problem =>
  problem(422, 'The request breaks its schema', undefined, errors);

/**
 * The problem that the caller sees for an error; undefined for a bug, which only the log describes.
 */
export function problemOf(error: unknown, asked: Asked): Problem | undefined {
  if (error instanceof ProblemError) return error.problem;
  if (error instanceof InvalidMessageError)
    return invalid(error.issues.map(({ path, message }) => ({ field: path, message })));
  if (error instanceof IdempotencyConflictError)
    return problem(
      422,
      'This Idempotency-Key was used for another request',
      'Send the same request again, or use a new key.',
    );
  if (error instanceof ClientGoneError) return CLIENT_GONE;
  if (error instanceof DeadlineExceededError)
    return problem(504, 'Nobody answered in time', afterwards(asked));
  if (error instanceof OutageError)
    return isSafe(asked.method) || effectAfter(error) === 'none'
      ? AWAY
      : problem(504, 'The answer was lost', afterwards(asked));
  return ofHttp(error);
}

/** The status 499 is that of nginx for a closed connection. The client does not get it. */
const CLIENT_GONE = problem(499, 'The client went away before the reply');

const AWAY = problem(
  503,
  'A service is not available right now',
  'Nothing was done; try again in a moment.',
);

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
/** True for a method that changes nothing (RFC 9110, 9.2.1). */
export const isSafe = (method: string): boolean => SAFE.has(method);

function afterwards(asked: Asked): string {
  if (isSafe(asked.method)) return 'Nothing was changed; try again in a moment.';
  return asked.hasKey
    ? 'Whether it took effect is unknown; ask again with the same Idempotency-Key.'
    : 'Whether it took effect is unknown; look before you ask again.';
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'The request cannot be read',
  404: 'There is nothing here',
  405: 'This method is not for this resource',
  413: 'The request is too large',
  414: 'The address is too long',
  415: 'The request must be application/json',
  503: 'This service is not available right now',
};

/** Longer texts of others are cut. */
const DETAIL_LIMIT = 200;

/**
 * Errors of the HTTP framework carry a status of their own; one of 5xx counts only where a route
 * threw it on purpose.
 */
function ofHttp(error: unknown): Problem | undefined {
  const { statusCode, status } = (error ?? {}) as { statusCode?: number; status?: number };
  const code = statusCode ?? status ?? 500;
  const isMeant = (code >= 400 && code < 500) || (error instanceof HttpException && code !== 500);
  return isMeant
    ? problem(
        code,
        TITLES[code] ?? 'The request was refused',
        (error as Error).message.slice(0, DETAIL_LIMIT),
      )
    : undefined;
}
