import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import {
  boundedFault,
  type CallFault,
  callStatusOf,
  faultCodeOf,
  readFault,
} from '@parley/messaging/transport';
import { type FaultOrigin, statusDetails } from './status-details';

/** The fault itself, for our callers; foreign ones go by the status. */
const TRAILER = 'parley-fault-bin';
/** google.rpc.Status, for foreign callers. */
const STANDARD_TRAILER = 'grpc-status-details-bin';
/** gRPC peers refuse more than 8 KiB of trailers by default, and base64 adds a third. */
const TRAILER_LIMIT = 5_000;

/** A status for everyone, with the fault in two trailers: as ours, and as google.rpc.Status. */
export function errorOf(fault: CallFault, origin: FaultOrigin): Partial<ServiceError> {
  const { code: name, message, details: given } = boundedFault(fault, TRAILER_LIMIT);
  const code = status[callStatusOf(name)];
  const details = `${name}: ${message}`;
  const ours = Buffer.from(JSON.stringify({ code: name, message, details: given }));
  const whole = statusDetails({ code, message: details }, name, given, origin);
  const metadata = new Metadata();
  metadata.set(TRAILER, ours);
  metadata.set(
    STANDARD_TRAILER,
    ours.length + whole.length <= TRAILER_LIMIT
      ? whole
      : statusDetails({ code, message: details }, name, undefined, origin),
  );
  return { code, details, metadata };
}

/**
 * Metadata of a caller that reads the fault of a stream from the trailers of an OK. grpc-js drops
 * the items that its reader has not taken yet when the status is another one.
 */
export const FAULT_BEHIND_ITEMS = 'parley-fault-behind-items';

/** The end of a stream for such a caller. */
export function trailersOf(fault: CallFault, origin: FaultOrigin): Metadata {
  return errorOf(fault, origin).metadata!;
}

/** The fault in the trailers of an OK. */
export const faultIn = (metadata: Metadata | undefined): CallFault | undefined =>
  metadata && trailer(metadata);

/** Versions that read JSON only take protobuf for JSON that is broken, and send our trailer alone. */
export const isFromOlderServer = ({ metadata }: ServiceError, fault?: CallFault): boolean =>
  fault?.code === 'invalid-request' &&
  metadata.get(TRAILER).length > 0 &&
  metadata.get(STANDARD_TRAILER).length === 0;

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
