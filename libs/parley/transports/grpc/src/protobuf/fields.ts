import { Reader, type Writer } from 'protobufjs/minimal';
import type { ProtoField, ProtoMessage } from '@parley/contract';
import { emptyMap, readEntry } from './any-json';
import { ProtobufError } from './protobuf-error';
import { expectWireType, isPacked, type Limits } from './reading';
import type { TypeCodec } from './types';
import { writeText } from './writing';

/** The values of a message's fields, by their names in JSON. */
export type Fields = Record<string, unknown>;

/** Writes and reads one field of a message. */
export interface FieldCodec {
  readonly number: number;
  write(writer: Writer, given: Fields): void;
  read(reader: Reader, wireType: number, found: Fields, limits: Limits): void;
  /** Fills in what stands for a field that was not sent. */
  complete(found: Fields, limits: Limits): void;
}

export function fieldCodec(
  message: ProtoMessage,
  field: ProtoField,
  number: number,
  type: TypeCodec,
): FieldCodec {
  const name = `${message.path}.${field.json}`;
  const made = { field, number, type, name };
  if (field.label === 'repeated') return repeated(made);
  if (field.label === 'map') return map(made);
  return message.holds === 'union' ? variant(made) : single(made);
}

interface Made {
  readonly field: ProtoField;
  readonly number: number;
  readonly type: TypeCodec;
  readonly name: string;
}

/** Zero, false, an empty text, or an empty message: a map's entry whose value was left out. */
const NOTHING = Buffer.alloc(8);

const tagOf = (number: number, wireType: number): number => ((number << 3) | wireType) >>> 0;

/** A property that every object inherits counts only where it was sent. */
const getterOf = (json: string): ((fields: Fields) => unknown) =>
  json in Object.prototype
    ? (fields) => (Object.hasOwn(fields, json) ? fields[json] : undefined)
    : (fields) => fields[json];

function single({ field, number, type, name }: Made): FieldCodec {
  const get = getterOf(field.json);
  const tag = tagOf(number, type.wireType);
  const isNullWhenAbsent = field.absent === 'null';
  return {
    number,
    write: (writer, given) => {
      const value = get(given);
      if (value === undefined || (value === null && isNullWhenAbsent)) return;
      type.write(writer.uint32(tag), value, name);
    },
    read: (reader, wireType, found, limits) => {
      expectWireType(name, wireType, type.wireType);
      limits.count();
      const before = get(found);
      found[field.json] = type.read(reader, limits, name, before === null ? undefined : before);
    },
    complete: (found, limits) => {
      if (!isNullWhenAbsent || get(found) !== undefined) return;
      limits.count();
      found[field.json] = null;
    },
  };
}

/** A field of a oneof: it replaces the others. */
function variant(made: Made): FieldCodec {
  const inner = single(made);
  return {
    ...inner,
    read: (reader, wireType, found, limits) => {
      for (const other of Object.keys(found)) if (other !== made.field.json) delete found[other];
      inner.read(reader, wireType, found, limits);
    },
  };
}

function repeated({ field, number, type, name }: Made): FieldCodec {
  const get = getterOf(field.json);
  const isPackable = type.wireType !== 2;
  const tag = tagOf(number, isPackable ? 2 : type.wireType);
  const items = (found: Fields, limits: Limits): unknown[] => {
    limits.count();
    const known = get(found);
    if (Array.isArray(known)) return known;
    const list: unknown[] = [];
    found[field.json] = list;
    return list;
  };
  return {
    number,
    write: (writer, given) => {
      const list = get(given);
      if (list === undefined) return;
      if (!Array.isArray(list)) throw new ProtobufError(name, 'is no list');
      if (list.length === 0) return;
      if (!isPackable) {
        for (const item of list) type.write(writer.uint32(tag), item, name);
        return;
      }
      writer.uint32(tag).fork();
      for (const item of list) type.write(writer, item, name);
      writer.ldelim();
    },
    read: (reader, wireType, found, limits) => {
      if (isPackable && isPacked(wireType)) {
        limits.inside(reader, () => {
          while (reader.pos < reader.len)
            items(found, limits).push(type.read(reader, limits, name));
        });
        return;
      }
      expectWireType(name, wireType, type.wireType);
      const list = items(found, limits);
      list.push(type.read(reader, limits, name));
    },
    complete: (found, limits) => {
      if (get(found) === undefined) items(found, limits);
    },
  };
}

function map({ field, number, type, name }: Made): FieldCodec {
  const get = getterOf(field.json);
  const tag = tagOf(number, 2);
  const [keyTag, valueTag] = [tagOf(1, 2), tagOf(2, type.wireType)];
  const entries = (found: Fields): Fields => {
    const known = get(found) as Fields | undefined;
    if (known) return known;
    const made = emptyMap();
    found[field.json] = made;
    return made;
  };
  return {
    number,
    write: (writer, given) => {
      const object = get(given);
      if (object === undefined) return;
      if (typeof object !== 'object' || object === null || Array.isArray(object))
        throw new ProtobufError(name, 'is no object');
      for (const [key, value] of Object.entries(object)) {
        if (value === undefined) continue;
        writer.uint32(tag).fork();
        writeText(writer.uint32(keyTag), key, name);
        type.write(writer.uint32(valueTag), value, name);
        writer.ldelim();
      }
    },
    read: (reader, wireType, found, limits) => {
      expectWireType(name, wireType, 2);
      const [key, value] = readEntry(reader, limits, (valueWireType) => {
        expectWireType(name, valueWireType, type.wireType);
        return type.read(reader, limits, name);
      });
      entries(found)[key] =
        value === undefined ? type.read(Reader.create(NOTHING), limits, name) : value;
    },
    complete: (found, limits) => {
      limits.count();
      entries(found);
    },
  };
}
