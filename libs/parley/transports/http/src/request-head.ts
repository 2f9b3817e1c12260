import type { IncomingMessage } from 'node:http';
import { isStream, type Question } from '@parley/contract';
import { type CallFault, twiceFault, writtenTwice } from '@parley/messaging/transport';
import { JSON_TYPE, STREAM_TYPE, TIMEOUT_HEADER } from './protocol';

/** Why a request is refused by its head alone. */
export interface Refusal {
  readonly fault: CallFault;
  /** The HTTP status, where Connect's for the fault is less exact. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The call as the head of its request describes it. */
export interface RequestHead {
  readonly contract: Question;
  /** Milliseconds that the caller waits; undefined: it did not say. */
  readonly timeout?: number;
}

const TYPES = {
  call: { name: JSON_TYPE, of: /^application\/json\s*(;\s*charset=("?)utf-8\2\s*)?$/i },
  stream: { name: STREAM_TYPE, of: /^application\/connect\+json\s*$/i },
} as const;
const TIMEOUT = /^\d{1,10}$/;

const refuse = (code: string, message: string, more: Omit<Refusal, 'fault'> = {}): Refusal => ({
  fault: { code, message },
  ...more,
});

/** Reads the head of a request, or says why it is refused. */
export function readHead(
  { url = '', method, headers }: IncomingMessage,
  routes: ReadonlyMap<string, Question>,
): RequestHead | Refusal {
  const contract = routes.get(url);
  if (!contract)
    return refuse('no-handler', `nothing here answers ${url.slice(0, 200)}`, { status: 404 });
  if (method !== 'POST')
    return refuse('invalid-request', 'a call is a POST request', {
      status: 405,
      headers: { allow: 'POST' },
    });
  const what = isStream(contract) ? 'stream' : 'call';
  const type = TYPES[what];
  if (!type.of.test(headers['content-type'] ?? ''))
    return refuse('invalid-request', `a ${what} has the content type ${type.name}`, {
      status: 415,
      headers: { 'accept-post': type.name },
    });
  if ((headers['content-encoding'] ?? 'identity') !== 'identity')
    return refuse('invalid-request', 'a call is not compressed', { status: 415 });
  const twice = writtenTwice(headers);
  if (twice !== undefined) return { fault: twiceFault(twice) };
  const timeout = headers[TIMEOUT_HEADER];
  if (timeout === undefined) return { contract };
  if (typeof timeout !== 'string' || !TIMEOUT.test(timeout))
    return refuse('invalid-request', `${TIMEOUT_HEADER} is a number of milliseconds`);
  return { contract, timeout: Number(timeout) };
}
