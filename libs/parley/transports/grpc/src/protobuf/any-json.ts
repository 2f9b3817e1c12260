import type { Reader, Writer } from 'protobufjs/minimal';
import { ProtobufError } from './protobuf-error';
import { expectWireType, type Limits, readDouble, readText, skip } from './reading';
import { writeText } from './writing';

/* google.protobuf.Value: any JSON. */

const [NULL, NUMBER, TEXT, BOOLEAN, OBJECT, LIST] = [1, 2, 3, 4, 5, 6];
/** Of Struct, of its map's entries, and of ListValue. */
const [ENTRIES, KEY, VALUE, ITEMS] = [1, 1, 2, 1];
const tag = (number: number, wireType: 0 | 1 | 2): number => (number << 3) | wireType;

export function writeAny(writer: Writer, value: unknown, field: string): void {
  writer.fork();
  writeKind(writer, value, field);
  writer.ldelim();
}

function writeKind(writer: Writer, value: unknown, field: string): void {
  if (value === null) writer.uint32(tag(NULL, 0)).uint32(0);
  else if (typeof value === 'number') writer.uint32(tag(NUMBER, 1)).double(value);
  else if (typeof value === 'boolean') writer.uint32(tag(BOOLEAN, 0)).bool(value);
  else if (typeof value === 'string') writeText(writer.uint32(tag(TEXT, 2)), value, field);
  else if (Array.isArray(value)) writeList(writer.uint32(tag(LIST, 2)), value, field);
  else if (typeof value === 'object') writeObject(writer.uint32(tag(OBJECT, 2)), value, field);
  else throw new ProtobufError(field, `is a ${typeof value}, which JSON cannot carry`);
}

function writeList(writer: Writer, items: readonly unknown[], field: string): void {
  writer.fork();
  for (const item of items) writeAny(writer.uint32(tag(ITEMS, 2)), item, field);
  writer.ldelim();
}

function writeObject(writer: Writer, object: object, field: string): void {
  writer.fork();
  for (const [key, value] of Object.entries(object)) {
    writer.uint32(tag(ENTRIES, 2)).fork();
    writeText(writer.uint32(tag(KEY, 2)), key, field);
    writeAny(writer.uint32(tag(VALUE, 2)), value, field);
    writer.ldelim();
  }
  writer.ldelim();
}

export const readAny = (reader: Reader, limits: Limits, field: string): unknown =>
  limits.inside(reader, () => readKind(reader, limits, field));

function readKind(reader: Reader, limits: Limits, field: string): unknown {
  let value: unknown;
  while (reader.pos < reader.len) {
    const next = reader.tag();
    value = readOne(reader, next, limits, field) ?? value;
    if (next === tag(NULL, 0)) value = null;
  }
  if (value === undefined) throw new ProtobufError(field, 'has a google.protobuf.Value of no kind');
  return value;
}

function readOne(reader: Reader, next: number, limits: Limits, field: string): unknown {
  switch (next) {
    case tag(NULL, 0):
      return reader.skip() && undefined;
    case tag(NUMBER, 1):
      return readDouble(reader, field);
    case tag(TEXT, 2):
      return readText(reader);
    case tag(BOOLEAN, 0):
      return reader.bool();
    case tag(OBJECT, 2):
      return limits.inside(reader, () => readObject(reader, limits, field));
    case tag(LIST, 2):
      return limits.inside(reader, () => readList(reader, limits, field));
    default:
      return skip(reader, next & 7);
  }
}

function readList(reader: Reader, limits: Limits, field: string): unknown[] {
  const items: unknown[] = [];
  while (reader.pos < reader.len) {
    const next = reader.tag();
    if (next >>> 3 !== ITEMS) {
      skip(reader, next & 7);
      continue;
    }
    expectWireType(field, next & 7, 2);
    limits.count();
    items.push(readAny(reader, limits, field));
  }
  return items;
}

function readObject(reader: Reader, limits: Limits, field: string): Record<string, unknown> {
  const object = emptyMap();
  while (reader.pos < reader.len) {
    const next = reader.tag();
    if (next >>> 3 !== ENTRIES) {
      skip(reader, next & 7);
      continue;
    }
    expectWireType(field, next & 7, 2);
    const [key, value] = readEntry(reader, limits, () => readAny(reader, limits, field));
    object[key] = value === undefined ? null : value;
  }
  return object;
}

/** An object without a prototype, so that a key may be `__proto__`. */
export const emptyMap = (): Record<string, unknown> =>
  Object.create(null) as Record<string, unknown>;

/** An entry of a map. Protobuf leaves out a key or a value that is empty: the value is undefined then. */
export function readEntry(
  reader: Reader,
  limits: Limits,
  read: (wireType: number) => unknown,
): readonly [key: string, value: unknown] {
  limits.count();
  return limits.inside(reader, () => {
    let key = '';
    let value: unknown;
    while (reader.pos < reader.len) {
      const next = reader.tag();
      if (next === tag(KEY, 2)) key = readText(reader);
      else if (next >>> 3 === VALUE) value = read(next & 7);
      else skip(reader, next & 7);
    }
    return [key, value];
  });
}
