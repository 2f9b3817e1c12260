import { CallError, IdempotencyConflict, InvalidMessage, OwnerUnavailable } from '@parley/messaging';
import { DeadlineExceeded } from '@parley/resilience';

/** What went wrong, as RFC 9457 says it: `application/problem+json`. */
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

/** A request the edge refuses: nothing was stored, nothing was sent. */
export class Refused extends Error {
  override readonly name = 'Refused';
  constructor(readonly problem: Problem) {
    super(problem.title);
  }
}

export const problem = (status: number, title: string, detail?: string, errors?: readonly FieldError[]): Problem => ({
  type: 'about:blank',
  title,
  status,
  ...(detail === undefined ? {} : { detail }),
  ...(errors === undefined ? {} : { errors }),
});

/** What the caller is told about an error; undefined: it is ours, and only our log says what it was. */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof Refused) return error.problem;
  if (error instanceof CallError) return ofCall(error);
  if (error instanceof InvalidMessage) return invalid(error.issues.map(({ path, message }) => ({ field: path, message })));
  if (error instanceof IdempotencyConflict) return problem(422, 'This Idempotency-Key was used for another request', 'Send the same request again, or use a new key.');
  if (error instanceof DeadlineExceeded) return problem(504, 'Nobody answered in time', 'Whether it took effect is unknown; ask again with the same Idempotency-Key.');
  if (error instanceof OwnerUnavailable) return AWAY;
  return ofHttp(error);
}

const AWAY = problem(503, 'A service is not available right now', 'Nothing was done; try again in a moment.');

export const invalid = (errors: readonly FieldError[]): Problem => problem(422, 'The request breaks its schema', undefined, errors);

function ofCall({ code, details }: CallError): Problem | undefined {
  if (code === 'unknown-sku') {
    const { sku, line } = details as { sku: string; line: number };
    return invalid([{ field: `lines.${line}.sku`, message: `${sku} is not sold here` }]);
  }
  if (code === 'too-much') {
    const { total, most } = details as { total: number; most: number };
    return invalid([{ field: 'lines', message: `come to ${euros(total)}, more than the ${euros(most)} an order may be worth; split it` }]);
  }
  if (code === 'key-reused') return problem(409, 'This Idempotency-Key was used for another order', 'Send the same order again, or use a new key.');
  if (code === 'unknown-order') return problem(404, 'There is no such order');
  if (code === 'no-label') return problem(404, 'There is no label for this order yet');
  if (code === 'invalid-request') return invalid((details as { path: string; message: string }[]).map(({ path, message }) => ({ field: path, message })));
  if (code === 'unavailable') return AWAY;
  if (code === 'deadline-exceeded') return problem(504, 'Nobody answered in time');
  return undefined;
}

const euros = (cents: number): string => `€${(cents / 100).toFixed(2)}`;

const TITLES: Readonly<Record<number, string>> = {
  400: 'The request cannot be read',
  404: 'There is nothing here',
  405: 'This method is not for this resource',
  413: 'The request is too large',
  414: 'The address is too long',
  415: 'The request must be application/json',
};

/** Errors of the HTTP framework carry a status of their own. */
function ofHttp(error: unknown): Problem | undefined {
  const { statusCode, status } = (error ?? {}) as { statusCode?: number; status?: number };
  const code = statusCode ?? status ?? 500;
  return code >= 400 && code < 500 ? problem(code, TITLES[code] ?? 'The request was refused', (error as Error).message.slice(0, 200)) : undefined;
}
