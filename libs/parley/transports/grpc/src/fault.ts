import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import {
  boundedFault,
  type CallFault,
  callStatusOf,
  faultCodeOf,
  readFault,
} from '@parley/messaging/transport';

/** The fault itself, for our callers; foreign ones go by the status. */
const TRAILER = 'parley-fault-bin';
/** gRPC peers refuse more than 8 KiB of trailers by default, and base64 adds a third. */
const TRAILER_LIMIT = 5_000;

/** A status for everyone, with the fault in a trailer. */
export function errorOf(fault: CallFault): Partial<ServiceError> {
  const kept = boundedFault(fault, TRAILER_LIMIT);
  const metadata = new Metadata();
  metadata.set(TRAILER, Buffer.from(JSON.stringify(kept)));
  return {
    code: status[callStatusOf(fault.code)],
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
    (isBroken(error)
      ? undefined
      : { code: faultCodeOf(status[error.code]), message: error.details })
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

function trailer(metadata: Metadata): CallFault | undefined {
  try {
    return readFault(JSON.parse(String(metadata.get(TRAILER)[0])));
  } catch {
    return undefined; // no trailer, or not one of ours
  }
}
