import type { Conversation } from '@parley/messaging';
import { Deadline } from '@parley/resilience';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ClientGoneError, problem, ProblemError } from './problem';

/** Milliseconds that a request from outside may take, when its client asks for no less. */
const LONGEST_REQUEST_MS = 10_000;

/** Methods that change nothing: nobody misses their reply when the client is gone. */
const SAFE = new Set(['GET', 'HEAD']);

/**
 * How long the client of an HTTP request waits: its `Request-Timeout` in seconds, at most 10 s, and
 * for a GET until it closes its connection. In the conversation of the request they bound every call
 * that follows. A request that changes something is finished without its client, which may come back
 * with the same Idempotency-Key. A stream of events has no deadline.
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
  if (!SAFE.has(method)) return { deadline };
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
