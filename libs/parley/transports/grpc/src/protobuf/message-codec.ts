import { Reader, Writer } from 'protobufjs/minimal';
import {
  fieldNumberOf,
  type NumberedCall,
  type ProtoField,
  type ProtoMessage,
} from '@parley/contract';
import { fieldCodec, type FieldCodec, type Fields } from './fields';
import { ProtobufError } from './protobuf-error';
import { Limits, skip } from './reading';
import { SCALARS, type TypeCodec } from './types';

/** Writes JSON values as messages, and reads messages as JSON values. */
export interface MessageCodec {
  encode(value: unknown): Buffer;
  /** @throws ProtobufError */
  decode(bytes: Buffer): unknown;
}

/** Compiles the messages of a call, each once: all work that its messages need not repeat. */
export class MessageCodecs {
  private readonly types = new Map<ProtoMessage, TypeCodec>();

  constructor(private readonly numbers: NumberedCall['numbers']) {}

  of(message: ProtoMessage): MessageCodec {
    const { write, read } = this.bodyOf(message);
    return {
      encode: (value) => {
        const writer = Writer.create();
        write(writer, value);
        const { buffer, byteOffset, byteLength } = writer.finish();
        return Buffer.from(buffer, byteOffset, byteLength);
      },
      decode: (bytes) => decoded(bytes, read),
    };
  }

  /** A message as the type of a field: its length, then its fields. */
  private typeOf(message: ProtoMessage): TypeCodec {
    const known = this.types.get(message);
    if (known) return known;
    let body: MessageBody | undefined; // compiled when it is first used: a message may hold itself
    const compiled = () => (body ??= this.bodyOf(message));
    const type: TypeCodec = {
      wireType: 2,
      write: (writer, value) => {
        writer.fork();
        compiled().write(writer, value);
        writer.ldelim();
      },
      read: (reader, limits, _, before) =>
        limits.inside(reader, () => compiled().read(reader, limits, before)),
    };
    this.types.set(message, type);
    return type;
  }

  private bodyOf(message: ProtoMessage): MessageBody {
    const fields = message.fields.map((field) => this.fieldOf(message, field));
    const byNumber = new Map(fields.map((field) => [field.number, field]));
    const { toFields, fromFields } = FORMS[message.holds](message);
    return {
      write: (writer, value) => {
        const given = toFields(value);
        for (const field of fields) field.write(writer, given);
      },
      read: (reader, limits, before) => {
        const found: Fields = before === undefined ? {} : toFields(before);
        while (reader.pos < reader.len) {
          const tag = reader.tag();
          const field = byNumber.get(tag >>> 3);
          if (field) field.read(reader, tag & 7, found, limits);
          else skip(reader, tag & 7);
        }
        for (const field of fields) field.complete(found, limits);
        return fromFields(found);
      },
    };
  }

  private fieldOf(message: ProtoMessage, field: ProtoField): FieldCodec {
    const { type } = field;
    return fieldCodec(
      message,
      field,
      fieldNumberOf(message, field, this.numbers),
      typeof type === 'string' ? SCALARS[type] : this.typeOf(type),
    );
  }
}

interface MessageBody {
  write(writer: Writer, value: unknown): void;
  read(reader: Reader, limits: Limits, before?: unknown): unknown;
}

function decoded(bytes: Buffer, read: MessageBody['read']): unknown {
  try {
    return read(Reader.create(bytes), new Limits());
  } catch (error) {
    if (error instanceof ProtobufError) throw error;
    throw new ProtobufError('', `is no protobuf message (${(error as Error).message})`);
  }
}

/** A JSON value as the fields of its message, and back. */
interface Form {
  toFields(value: unknown): Fields;
  fromFields(fields: Fields): unknown;
}

const asObject = (value: unknown, path: string): Fields => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ProtobufError(path, 'is no object');
  return value as Fields;
};

const wrapper = (name: string, empty: () => unknown) => (): Form => ({
  toFields: (value) => ({ [name]: value }),
  fromFields: (fields) => fields[name] ?? empty(),
});

const FORMS: Readonly<Record<ProtoMessage['holds'], (message: ProtoMessage) => Form>> = {
  object: ({ path }) => ({
    toFields: (value) => asObject(value, path),
    fromFields: (fields) => fields,
  }),
  union: ({ path, tag = '' }) => ({
    toFields: (value) => {
      const object = asObject(value, path);
      return { [String(object[tag])]: object };
    },
    fromFields: (fields) => {
      const [[name, object] = []] = Object.entries(fields);
      // A variant of a newer sender is an object of no kind: the contract's schema refuses it.
      return name === undefined ? {} : { [tag]: name, ...(object as Fields) };
    },
  }),
  list: wrapper('items', () => []),
  map: wrapper('entries', () => ({})),
  single: wrapper('value', () => null),
};
