import { UnpublishableError, UnpublishedError } from '@parley/messaging/transport';

/** SQLSTATEs caused by the values of a statement: invalid data, check constraints, limits. */
const OF_THE_MESSAGE = /^(22|23514|54)/;

/**
 * Rethrows the error of a refused publishing statement as its meaning for the messages in it.
 * Nothing of the statement was stored.
 */
export function refused(error: unknown): never {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message: string };
  if (typeof code !== 'string') throw error;
  if (OF_THE_MESSAGE.test(code))
    throw new UnpublishableError(`PostgreSQL takes no such message: ${message}`, { cause: error });
  // One owner is not registered yet: the messages for other owners can be published.
  if (code === 'PL404') throw new UnpublishedError(message, { cause: error });
  throw error;
}
