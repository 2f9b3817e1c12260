import type { CallFault } from '../ports/call-transport';

/**
 * Characters of a fault's message that travel; the callers of other owners write parts of it.
 */
const MAX_MESSAGE_CHARACTERS = 1_000;

/** The statuses of gRPC and Connect that faults are told as, by their names in google.rpc.Code. */
export type CallStatus =
  | 'CANCELLED'
  | 'DEADLINE_EXCEEDED'
  | 'FAILED_PRECONDITION'
  | 'INTERNAL'
  | 'INVALID_ARGUMENT'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'UNAUTHENTICATED'
  | 'UNAVAILABLE'
  | 'UNIMPLEMENTED';

const STATUS: Readonly<Record<string, CallStatus>> = {
  'invalid-request': 'INVALID_ARGUMENT',
  stopping: 'UNAVAILABLE',
  overloaded: 'UNAVAILABLE',
  unavailable: 'UNAVAILABLE',
  'outcome-unknown': 'INTERNAL',
  'invalid-reply': 'INTERNAL',
  unhandled: 'INTERNAL',
  'no-handler': 'UNIMPLEMENTED',
  'deadline-exceeded': 'DEADLINE_EXCEEDED',
  cancelled: 'CANCELLED',
  'too-large': 'RESOURCE_EXHAUSTED',
  'not-allowed': 'PERMISSION_DENIED',
  untrusted: 'UNAUTHENTICATED',
};

/** The status for callers that know no contract. A contract's own code is a FAILED_PRECONDITION. */
export const callStatusOf = (code: string): CallStatus =>
  Object.hasOwn(STATUS, code) ? STATUS[code]! : 'FAILED_PRECONDITION';

/**
 * The fault code for a status of a foreign server. INTERNAL stands for several of ours: it and
 * every unknown status are 'unhandled'.
 */
export const faultCodeOf = (status: string): string =>
  Object.keys(STATUS).findLast((code) => STATUS[code] === status) ?? 'unhandled';

/** The fault with a short message, and without details when it has more bytes than `limit`. */
export function boundedFault({ code, message, details }: CallFault, limit: number): CallFault {
  const short =
    message.length <= MAX_MESSAGE_CHARACTERS
      ? message
      : `${message.slice(0, MAX_MESSAGE_CHARACTERS)}… (${message.length} characters)`;
  const fault = { code, message: short, details };
  const size = Buffer.byteLength(JSON.stringify(fault));
  return size <= limit
    ? fault
    : { code, message: `${short} (${size} bytes of details were too many to send)` };
}

/** A fault as another process wrote it; undefined when it is none. */
export function readFault(value: unknown): CallFault | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { code, message, details } = value as Partial<Record<keyof CallFault, unknown>>;
  return typeof code === 'string' && typeof message === 'string'
    ? { code, message, details }
    : undefined;
}
