import type { Reader } from 'protobufjs/minimal';
import { ProtobufError } from './protobuf-error';

/** Messages inside each other: JSON of 64 levels takes up to three for each. */
const MAX_DEPTH = 200;
/** Twice the values that a payload may have in JSON, which counts no field that holds others. */
const MAX_VALUES = 200_000;

const [LENGTH_DELIMITED, START_GROUP, END_GROUP] = [2, 3, 4];

/** The rest of the limits while one message is read: they bound memory and the stack. */
export class Limits {
  private depth = 0;
  private values = 0;

  count(): void {
    if (++this.values > MAX_VALUES)
      throw new ProtobufError('', `holds more than ${MAX_VALUES} values`);
  }

  /** Reads what a length in front says: `read` sees the end of these bytes as the end of all. */
  inside<T>(reader: Reader, read: () => T): T {
    const end = reader.size() + reader.pos;
    const outer = reader.len;
    if (end > outer) throw new ProtobufError('', 'ends in the middle of a field');
    if (++this.depth > MAX_DEPTH)
      throw new ProtobufError('', `is nested deeper than ${MAX_DEPTH} messages`);
    reader.len = end;
    const value = read();
    reader.len = outer;
    this.depth--;
    return value;
  }
}

/** Skips a field that a newer sender knows. Groups, which no proto3 sender writes, are refused. */
export function skip(reader: Reader, wireType: number): void {
  if (wireType === START_GROUP || wireType === END_GROUP)
    throw new ProtobufError('', 'has a group, which proto3 does not know');
  reader.skipType(wireType);
}

/** @throws ProtobufError for a number beyond 2⁵³, which JSON readers would round */
export function readInteger(reader: Reader, field: string): number {
  const first = reader.buf[reader.pos]!;
  if (first < 0x80 && reader.pos < reader.len) {
    reader.pos++;
    return first;
  }
  const { low, high } = reader.int64();
  const value = high * 2 ** 32 + (low >>> 0);
  if (!Number.isSafeInteger(value)) throw new ProtobufError(field, 'is a whole number beyond 2^53');
  return value;
}

/** @throws ProtobufError for what JSON cannot carry */
export function readDouble(reader: Reader, field: string): number {
  const value = reader.double();
  if (!Number.isFinite(value)) throw new ProtobufError(field, `is ${value}`);
  return value;
}

/** @throws Error for bytes that are no UTF-8 */
export const readText = (reader: Reader): string => reader.stringVerify();

export function readBase64(reader: Reader): string {
  const bytes = reader.bytes();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

export function expectWireType(field: string, wireType: number, expected: number): void {
  if (wireType !== expected)
    throw new ProtobufError(field, `has the wire type ${wireType}, but needs ${expected}`);
}

export const isPacked = (wireType: number): boolean => wireType === LENGTH_DELIMITED;
