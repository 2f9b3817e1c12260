import type { Reader, Writer } from 'protobufjs/minimal';
import type { ProtoScalar } from '@parley/contract';
import { readAny, writeAny } from './any-json';
import { type Limits, readBase64, readDouble, readInteger, readText } from './reading';
import { writeBase64, writeBoolean, writeDouble, writeInteger, writeText } from './writing';

/** Writes and reads one value of a type, without the tag in front of it. */
export interface TypeCodec {
  readonly wireType: 0 | 1 | 2;
  write(writer: Writer, value: unknown, field: string): void;
  /** @param before what an earlier field of the same number has said: messages are merged */
  read(reader: Reader, limits: Limits, field: string, before?: unknown): unknown;
}

const integer: TypeCodec = {
  wireType: 0,
  write: writeInteger,
  read: (reader, _, field) => readInteger(reader, field),
};

export const SCALARS: Readonly<Record<ProtoScalar | 'value', TypeCodec>> = {
  // An int32 is read as what it may become: both are one varint.
  int32: integer,
  int64: integer,
  double: {
    wireType: 1,
    write: writeDouble,
    read: (reader, _, field) => readDouble(reader, field),
  },
  bool: { wireType: 0, write: writeBoolean, read: (reader) => reader.bool() },
  string: { wireType: 2, write: writeText, read: readText },
  bytes: { wireType: 2, write: writeBase64, read: readBase64 },
  value: { wireType: 2, write: writeAny, read: readAny },
};
