import type { Conversation } from '@parley/messaging';
import { Deadline } from '@parley/resilience';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ClientGoneError, isSafe, problem, ProblemError } from './problem';

/** The longest deadline of a request from outside, in milliseconds; the default, too. */
const LONGEST_REQUEST_MS = 10_000;

/**
 * The wait of an HTTP request's client: the deadline is its `Request-Timeout` in seconds, at most
 * 10 s; for a safe method (GET), the signal is aborted when the client closes its connection. In
 * the conversation of the request they bound every call that follows. A request that changes
 * something is finished without its client, which may come back with the same Idempotency-Key. A
 * stream of events has no deadline.
 * @throws ProblemError 400 for a Request-Timeout that is not a number of seconds
 */
export function callerLimits(
  { headers, method }: FastifyRequest,
  { raw: response }: FastifyReply,
): Pick<Conversation, 'deadline' | 'signal'> {
  const asked = headers['request-timeout'];
  const isStream = headers.accept?.includes('text/event-stream') || headers.upgrade !== undefined;
  if (asked === undefined && isStream) return {};
  const milliseconds = Math.min(
    LONGEST_REQUEST_MS,
    asked === undefined ? Infinity : timeoutOf(asked),
  );
  const deadline = Deadline.within(milliseconds);
  if (!isSafe(method)) return { deadline };
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort(new ClientGoneError());
  });
  return { deadline, signal: gone.signal };
}

function timeoutOf(text: string | readonly string[]): number {
  const seconds = /^\d{1,6}(\.\d{1,6})?$/.test(String(text)) ? Number(text) : 0;
  if (seconds > 0) return seconds * 1_000;
  throw new ProblemError(
    problem(400, 'Request-Timeout is not a time', 'Write it in seconds, such as 0.5.', [
      { field: 'Request-Timeout', message: 'is not a number of seconds above 0' },
    ]),
  );
}
