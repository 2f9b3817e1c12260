import { randomUUID } from 'node:crypto';
import type { CallFault, Headers } from '@parley/messaging/transport';

/*
 * Packets of Nest's TCP transport: `{pattern, data, id, metadata}` asks, `{id, response, isDisposed}`
 * or `{id, err, isDisposed}` answers. Ours have the body last, so that it is cut out of the text
 * without being parsed; others in any order are read as well. Three more packets are ours alone, and
 * stock Nest ignores them: `{id, cancel}` from a caller; from a server `{hello}`, first on every
 * connection, and `{goAway}` when it stops.
 */

export interface Request {
  readonly id: string;
  readonly pattern: string;
  readonly headers: Headers;
  readonly body: Buffer;
  /** Milliseconds that the caller waits; undefined: it did not say. */
  readonly budget?: number;
  /** False for a caller by stock Nest, which does not know `goAway`. */
  readonly isOurs: boolean;
}

export type FromCaller = { readonly request: Request } | { readonly cancelled: string };

export type FromServer =
  | { readonly notice: 'hello' | 'goAway' }
  | { readonly id: string; readonly body?: Buffer; readonly fault?: CallFault; isLast: boolean };

/** The instance stops and has not begun to handle the request. */
export const STOPPING = 'stopping';

/** Nest's text for a pattern without a handler. */
const NO_HANDLER = 'There is no matching message handler defined in the remote service.';

const OURS = /^\{"id":"\d+","pattern":"[^"\\]*","metadata":\{/;
const BODY = '},"data":';
const REPLY = ',"isDisposed":true,"response":';
const BUDGET = 'timeoutms';

export function requestText(
  id: string,
  pattern: string,
  headers: Headers,
  budget: number,
  body: Buffer,
): string {
  const metadata = { ...headers, [BUDGET]: String(Math.ceil(budget)) };
  const head = `{"id":"${id}","pattern":${JSON.stringify(pattern)},"metadata":${JSON.stringify(metadata)}`;
  return body.length === 0 ? `${head}}` : `${head},"data":${body.toString()}}`;
}

export const cancelText = (id: string): string => `{"id":"${id}","cancel":true}`;
export const helloText = '{"hello":true}';
export const goAwayText = '{"goAway":true}';

export const replyText = (id: string, body: Buffer): string =>
  body.length === 0
    ? `{"id":${JSON.stringify(id)},"isDisposed":true}`
    : `{"id":${JSON.stringify(id)}${REPLY}${body.toString()}}`;

export const faultText = (id: string | undefined, { code, message, details }: CallFault): string =>
  JSON.stringify({ id, isDisposed: true, err: { status: 'error', code, message, details } });

/** Undefined for a packet that asks for nothing: an event of Nest. @throws SyntaxError */
export function fromCaller(text: string): FromCaller | undefined {
  const isOurs = OURS.test(text);
  const bodyAt = isOurs ? text.indexOf(BODY) : -1;
  const head = bodyAt < 0 ? text : `${text.slice(0, bodyAt + 1)}}`;
  const packet = recordIn(JSON.parse(head));
  const { id, pattern, cancel } = packet;
  if (typeof id !== 'string') return undefined;
  if (cancel === true) return { cancelled: id };
  const metadata = recordIn(packet['metadata']);
  const request = {
    id,
    pattern: typeof pattern === 'string' ? pattern : JSON.stringify(pattern ?? null),
    headers: headersIn(metadata),
    body: bodyAt < 0 ? bodyOf(packet['data']) : Buffer.from(text.slice(bodyAt + BODY.length, -1)),
    budget: budgetIn(metadata),
    isOurs,
  };
  return { request };
}

/** Undefined for a packet that answers nothing. @throws SyntaxError */
export function fromServer(text: string): FromServer | undefined {
  const ours = /^\{"id":"(\d+)","isDisposed":true,"response":/.exec(text);
  if (ours) {
    const [head, id] = ours;
    return { id: id!, body: Buffer.from(text.slice(head.length, -1)), isLast: true };
  }
  const packet = recordIn(JSON.parse(text));
  if (packet['hello'] === true) return { notice: 'hello' };
  if (packet['goAway'] === true) return { notice: 'goAway' };
  const { id, err, isDisposed } = packet;
  if (err !== undefined && err !== null) {
    const fault = faultIn(err);
    return { id: typeof id === 'string' ? id : '', fault, isLast: true };
  }
  if (typeof id !== 'string') return undefined;
  const body = 'response' in packet ? bodyOf(packet['response']) : undefined;
  return { id, body, isLast: isDisposed === true };
}

/** Errors of stock Nest servers are texts or RpcExceptions. */
function faultIn(err: unknown): CallFault {
  if (err === NO_HANDLER) return { code: 'no-handler', message: NO_HANDLER };
  const { code, message, details } = recordIn(err);
  return {
    code: typeof code === 'string' ? code : 'unhandled',
    message: typeof message === 'string' ? message : typeof err === 'string' ? err : 'no message',
    details,
  };
}

function headersIn(metadata: Readonly<Record<string, unknown>>): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(metadata))
    if (typeof value === 'string' && name !== BUDGET) headers[name] = value;
  headers['id'] ??= randomUUID();
  return headers;
}

function budgetIn(metadata: Readonly<Record<string, unknown>>): number | undefined {
  const written = metadata[BUDGET];
  return typeof written === 'string' && /^\d{1,12}$/.test(written) ? Number(written) : undefined;
}

const bodyOf = (value: unknown): Buffer =>
  value === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(value));

function recordIn(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
