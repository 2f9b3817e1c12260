import { Metadata } from '@grpc/grpc-js';
import { type Headers, toWireHeaders } from '@parley/messaging/transport';

/** Envelope attributes as metadata. */
export function metadataOf(headers: Headers): Metadata {
  const metadata = new Metadata();
  const written = toWireHeaders(headers);
  for (const name in written) metadata.set(name, written[name]!);
  return metadata;
}
