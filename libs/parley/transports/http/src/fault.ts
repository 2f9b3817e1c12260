import {
  boundedFault,
  type CallFault,
  type CallStatus,
  callStatusOf,
  faultCodeOf,
  readFault,
} from '@parley/messaging/transport';

/** Bytes of a fault that travel; details beyond are left out. */
const MAX_FAULT_BYTES = 256 * 1024;

/** The detail of a Connect error that holds the fault itself. */
const FAULT_TYPE = 'parley.Fault';

/** Connect's HTTP status for each of its codes. */
const HTTP_STATUS: Readonly<Record<CallStatus, number>> = {
  CANCELLED: 499,
  DEADLINE_EXCEEDED: 504,
  FAILED_PRECONDITION: 400,
  INTERNAL: 500,
  INVALID_ARGUMENT: 400,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  UNAUTHENTICATED: 401,
  UNAVAILABLE: 503,
  UNIMPLEMENTED: 501,
};

/** Statuses that a proxy may answer with after the request was passed on. */
const PROXY_STATUSES = new Set([408, 429, 499, 502, 503, 504]);

export interface HttpError {
  readonly status: number;
  readonly body: Buffer;
}

/**
 * A fault as an error of Connect: `{ code, message, details }`. The fault itself is the only
 * detail, in `debug` as JSON and in `value` as base64 of it, which Connect's clients show.
 */
export function errorOf(fault: CallFault): HttpError {
  const kept = boundedFault(fault, MAX_FAULT_BYTES);
  const status = callStatusOf(fault.code);
  const value = Buffer.from(JSON.stringify(kept))
    .toString('base64')
    .replace(/={1,2}$/, '');
  return {
    status: HTTP_STATUS[status],
    body: Buffer.from(
      JSON.stringify({
        code: connectCode(status),
        message: `${fault.code}: ${kept.message}`,
        details: [{ type: FAULT_TYPE, value, debug: kept }],
      }),
    ),
  };
}

/** The fault in the last frame of a stream; undefined: it ended well. */
export function faultOfEnd(json: Buffer): CallFault | undefined {
  const { error } = parsed(json) as { readonly error?: ConnectError };
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, message } = error;
  return (
    ownFault(error) ?? {
      code: faultCodeOf(statusOf(String(code))),
      message: String(message ?? code).slice(0, 1_000),
    }
  );
}

const statusOf = (connectCode: string): string =>
  connectCode === 'canceled' ? 'CANCELLED' : connectCode.toUpperCase();

/**
 * The fault of a response that is no reply: from our detail, Connect's code, or the status alone.
 * Undefined when it does not say whether the call was handled.
 */
export function faultOf(status: number, body: Buffer): CallFault | undefined {
  const error = parsed(body);
  const own = ownFault(error);
  if (own) return own;
  const { code, message } = error;
  if (typeof code === 'string') {
    const name = statusOf(code);
    if (name === 'UNAVAILABLE' || name === 'CANCELLED') return undefined;
    return { code: faultCodeOf(name), message: String(message ?? code).slice(0, 1_000) };
  }
  if (PROXY_STATUSES.has(status)) return undefined;
  return { code: codeOfStatus(status), message: `it answered with the HTTP status ${status}` };
}

function codeOfStatus(status: number): string {
  if (status === 413 || status === 431) return 'too-large';
  return status === 404 || status === 501 ? 'no-handler' : 'unhandled';
}

/** Connect writes one l where gRPC writes two. */
const connectCode = (status: CallStatus): string =>
  status === 'CANCELLED' ? 'canceled' : status.toLowerCase();

interface ConnectError {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly details?: unknown;
}

function ownFault({ details }: ConnectError): CallFault | undefined {
  const [detail] = Array.isArray(details) ? (details as unknown[]) : [];
  const { type, debug } = (detail ?? {}) as { readonly type?: unknown; readonly debug?: unknown };
  return type === FAULT_TYPE ? readFault(debug) : undefined;
}

function parsed(body: Buffer): ConnectError {
  try {
    return (JSON.parse(body.toString()) as ConnectError | null) ?? {};
  } catch {
    return {}; // a foreign server's page, or nothing
  }
}
