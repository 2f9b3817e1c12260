import { Writer } from 'protobufjs/minimal';
import type { ErrorMessage } from './codec';

/* google.rpc.Status: errors as every client of gRPC reads them. */

/** The tag of the status's number, a varint. */
const STATUS_CODE = 8;
const TYPE_URL = 'type.googleapis.com/';
const lengthDelimited = (number: number): number => (number << 3) | 2;

/** The subject of a fault. */
export interface FaultOrigin {
  readonly owner: string;
  readonly errors: ReadonlyMap<string, ErrorMessage>;
}

/**
 * The bytes of `grpc-status-details-bin`: google.rpc.ErrorInfo with the code of the fault, and its
 * details as the contract's own message, or as google.rpc.BadRequest for an invalid request.
 */
export function statusDetails(
  status: { readonly code: number; readonly message: string },
  code: string,
  details: unknown,
  { owner, errors }: FaultOrigin,
): Buffer {
  const writer = Writer.create().uint32(STATUS_CODE).int32(status.code);
  writer.uint32(lengthDelimited(2)).string(status.message);
  writeAny(writer, 'google.rpc.ErrorInfo', errorInfo(code, owner));
  const own = errors.get(code);
  if (own && details !== undefined) writeAny(writer, own.fullName, own.encode(details));
  else if (code === 'invalid-request' && Array.isArray(details))
    writeAny(writer, 'google.rpc.BadRequest', badRequest(details));
  return Buffer.from(writer.finish());
}

function writeAny(writer: Writer, fullName: string, message: Uint8Array): void {
  writer.uint32(lengthDelimited(3)).fork();
  writer.uint32(lengthDelimited(1)).string(TYPE_URL + fullName);
  writer.uint32(lengthDelimited(2)).bytes(message);
  writer.ldelim();
}

const errorInfo = (code: string, owner: string): Uint8Array =>
  Writer.create()
    .uint32(lengthDelimited(1))
    .string(code)
    .uint32(lengthDelimited(2))
    .string(owner)
    .finish();

function badRequest(issues: readonly unknown[]): Uint8Array {
  const writer = Writer.create();
  for (const issue of issues) {
    if (typeof issue !== 'object' || issue === null) continue;
    const { path, message } = issue as Readonly<Record<string, unknown>>;
    writer.uint32(lengthDelimited(1)).fork();
    writer.uint32(lengthDelimited(1)).string(String(path));
    writer.uint32(lengthDelimited(2)).string(String(message));
    writer.ldelim();
  }
  return writer.finish();
}
