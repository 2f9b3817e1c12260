import type { Contract } from '@parley/contract';
import { callPathOf } from '@parley/messaging/transport';

/**
 * How requests and replies become gRPC messages, and under which path. The only file that knows; a
 * typed .proto would replace it.
 */
export interface Method {
  /** `/catalog.Catalog/QuotePrice` for `catalog.quote-price`. */
  readonly path: string;
  readonly encode: (body: Buffer) => Buffer;
  readonly decode: (bytes: Buffer) => Buffer;
}

/** A message is the JSON the pipeline made, as it is: a gRPC frame already says how long it is. */
const asIs = (bytes: Buffer): Buffer => bytes;

export const methodOf = (contract: Contract): Method => ({
  path: callPathOf(contract),
  encode: asIs,
  decode: asIs,
});

/** Bytes of the largest message that either side sends or accepts. */
export const MESSAGE_LIMIT = 4 * 1024 * 1024;
