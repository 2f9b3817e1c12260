import type { Writer } from 'protobufjs/minimal';
import { ProtobufError } from './protobuf-error';

/** Half of a character that takes two: it has no form in UTF-8. */
const HALF_A_CHARACTER = /[\uD800-\uDFFF]/u;

export function writeText(writer: Writer, value: unknown, field: string): void {
  if (typeof value !== 'string') throw new ProtobufError(field, 'is no text');
  if (HALF_A_CHARACTER.test(value))
    throw new ProtobufError(field, 'has half of a character, which UTF-8 cannot carry');
  writer.string(value);
}

export function writeInteger(writer: Writer, value: unknown, field: string): void {
  if (!Number.isSafeInteger(value)) throw new ProtobufError(field, 'is no whole number');
  const whole = value as number;
  if ((whole | 0) === whole) writer.int32(whole);
  else writer.int64(whole);
}

export function writeDouble(writer: Writer, value: unknown, field: string): void {
  if (typeof value !== 'number') throw new ProtobufError(field, 'is no number');
  writer.double(value);
}

export function writeBoolean(writer: Writer, value: unknown, field: string): void {
  if (typeof value !== 'boolean') throw new ProtobufError(field, 'is neither true nor false');
  writer.bool(value);
}

/** The text must be what readers make of its bytes again. */
export function writeBase64(writer: Writer, value: unknown, field: string): void {
  if (typeof value !== 'string') throw new ProtobufError(field, 'is no text');
  const bytes = Buffer.from(value, 'base64');
  if (bytes.toString('base64') !== value)
    throw new ProtobufError(field, 'is not base64 as it is written');
  writer.bytes(bytes);
}
