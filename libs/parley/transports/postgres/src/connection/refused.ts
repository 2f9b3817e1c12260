import { UnpublishableError, UnpublishedError } from '@parley/messaging/transport';

/**
 * Classes and codes of SQLSTATE that speak of the values of a statement: data that cannot be,
 * checks, limits.
 */
const OF_THE_MESSAGE = /^(22|23514|54)/;

/**
 * Throws why a statement that publishes was refused, as what it means for the messages in it.
 * Nothing of it was stored.
 */
export function refused(error: unknown): never {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message: string };
  if (typeof code !== 'string') throw error;
  if (OF_THE_MESSAGE.test(code))
    throw new UnpublishableError(`PostgreSQL takes no such message: ${message}`, { cause: error });
  // One owner is not registered yet: the messages for others are good.
  if (code === 'PL404') throw new UnpublishedError(message, { cause: error });
  throw error;
}
