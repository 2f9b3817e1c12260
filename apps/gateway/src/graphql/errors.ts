import { Logger } from '@nestjs/common';
import { CallError, currentConversation } from '@parley/messaging';
import { type Problem, problemOf } from '@parley/service';
import { GraphQLError, type GraphQLFormattedError, type OperationTypeNode } from 'graphql';
import { shopProblemOf } from '../problem';

/** The error of a request that is not executed. */
export const refused = (code: string, message: string): GraphQLError =>
  new GraphQLError(message, { extensions: { code } });

/** Codes of errors that no contract declares, by their HTTP status on REST. */
const CODES: Readonly<Record<number, string>> = {
  400: 'invalid-request',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  422: 'invalid-request',
  429: 'too-many-requests',
  503: 'unavailable',
  504: 'deadline-exceeded',
};

const logger = new Logger('graphql');

/**
 * The error for the client: `extensions.code` is the contract's code, with its details, or one of
 * CODES. A bug has only a reference to the line in the log.
 */
export function shown(error: GraphQLError, kind?: OperationTypeNode): GraphQLFormattedError {
  const { locations, path } = error;
  const place = { ...(locations && { locations }), ...(path && { path }) };
  const cause = causeOf(error);
  const known = cause === undefined ? theirs(error) : told(cause, kind);
  return { ...(known ?? bug(error, cause)), ...place };
}

type Told = Pick<GraphQLFormattedError, 'message' | 'extensions'>;

/** The error that a resolver threw; undefined for an error of GraphQL itself. */
function causeOf({ originalError }: GraphQLError): Error | undefined {
  return originalError instanceof GraphQLError ? causeOf(originalError) : originalError;
}

/** An error of GraphQL itself; undefined where a resolver's value is at fault, which is a bug. */
function theirs(error: GraphQLError): Told | undefined {
  const { message, path, extensions } = error;
  if (typeof extensions['code'] === 'string') return { message, extensions };
  if (path && !message.startsWith('Argument ')) return undefined;
  return { message, extensions: { code: 'invalid-document' } };
}

function told(cause: Error, kind?: OperationTypeNode): Told | undefined {
  const isMutation = kind === 'mutation';
  const answer =
    shopProblemOf(cause) ?? problemOf(cause, { method: isMutation ? 'POST' : 'GET', hasKey: true });
  if (!answer) return undefined;
  const { title: message, detail, errors } = answer;
  const extensions = {
    ...codeOf(cause, answer),
    ...(detail && { detail }),
    ...(errors && { errors }),
  };
  return { message, extensions };
}

function codeOf(cause: Error, { status }: Problem): { code: string; details?: unknown } {
  if (cause instanceof CallError) return { code: cause.code, details: cause.details };
  return { code: CODES[status] ?? 'refused' };
}

function bug(error: GraphQLError, cause: Error | undefined): Told {
  const reference = currentConversation()?.correlationId;
  logger.error({
    message: `${error.path?.join('.') ?? 'a request'} failed`,
    error: cause ?? error,
    reference,
  });
  return {
    message: 'Something went wrong here; it was not your request',
    extensions: { code: 'internal', ...(reference !== undefined && { reference }) },
  };
}
