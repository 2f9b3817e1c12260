import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import type { CallFault } from '@parley/messaging/transport';

/** The fault itself, for our callers; foreign ones go by the status. */
const TRAILER = 'parley-fault-bin';
/** gRPC peers refuse more than 8 KiB of trailers by default, and base64 adds a third. */
const TRAILER_LIMIT = 5_000;
const MESSAGE_LIMIT = 1_000;

const STATUS: Readonly<Record<string, status>> = {
  'invalid-request': status.INVALID_ARGUMENT,
  unavailable: status.UNAVAILABLE,
  'outcome-unknown': status.INTERNAL,
  'invalid-reply': status.INTERNAL,
  unhandled: status.INTERNAL,
  'no-handler': status.UNIMPLEMENTED,
  'deadline-exceeded': status.DEADLINE_EXCEEDED,
  cancelled: status.CANCELLED,
  'too-large': status.RESOURCE_EXHAUSTED,
};

/**
 * A status for everyone, with the fault in a trailer. A contract's own code is a
 * FAILED_PRECONDITION.
 */
export function errorOf(fault: CallFault): Partial<ServiceError> {
  const kept = bounded(fault);
  const metadata = new Metadata();
  metadata.set(TRAILER, Buffer.from(JSON.stringify(kept)));
  return {
    code: Object.hasOwn(STATUS, fault.code) ? STATUS[fault.code] : status.FAILED_PRECONDITION,
    details: `${fault.code}: ${kept.message}`,
    metadata,
  };
}

/**
 * The fault that a status stands for: from its trailer, or from the status alone. Undefined when
 * there was no reply.
 */
export function faultOf(error: ServiceError): CallFault | undefined {
  return (
    trailer(error.metadata) ??
    (isBroken(error) ? undefined : { code: codeOf(error.code), message: error.details })
  );
}

/**
 * Statuses that grpc-js makes up when a connection or stream breaks. They cannot be told from the
 * same statuses of a foreign server.
 */
const isBroken = ({ code, details }: ServiceError): boolean =>
  code === status.UNAVAILABLE ||
  code === status.CANCELLED ||
  details.startsWith('Received RST_STREAM');

function bounded({ code, message, details }: CallFault): CallFault {
  const short =
    message.length <= MESSAGE_LIMIT
      ? message
      : `${message.slice(0, MESSAGE_LIMIT)}… (${message.length} characters)`;
  const fault = { code, message: short, details };
  const size = Buffer.byteLength(JSON.stringify(fault));
  return size <= TRAILER_LIMIT
    ? fault
    : { code, message: `${short} (${size} bytes of details were too many to send)` };
}

function trailer(metadata: Metadata): CallFault | undefined {
  try {
    const fault = JSON.parse(String(metadata.get(TRAILER)[0])) as CallFault;
    return typeof fault.code === 'string' && typeof fault.message === 'string' ? fault : undefined;
  } catch {
    return undefined; // no trailer, or not one of ours
  }
}

/** INTERNAL stands for several of ours; without the trailer it is the most general one. */
function codeOf(code: status): string {
  return Object.keys(STATUS).findLast((name) => STATUS[name] === code) ?? 'unhandled';
}
