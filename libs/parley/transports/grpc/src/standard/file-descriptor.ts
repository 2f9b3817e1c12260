import { Writer } from 'protobufjs/minimal';
import {
  fieldNumberOf,
  isMarkedOptional,
  messageNameOf,
  messagesOf,
  numberedCallOf,
  type NumberedCall,
  ONE_OF,
  type ProtoField,
  type ProtoMessage,
  type ProtoType,
  type Question,
  withNested,
} from '@parley/contract';

/** A .proto file in the form in which programs pass it on: google.protobuf.FileDescriptorProto. */
export interface DescribedFile {
  readonly name: string;
  readonly dependencies: readonly string[];
  /** Full names of what it defines. */
  readonly symbols: readonly string[];
  readonly bytes: Buffer;
}

const STRUCT_FILE = 'google/protobuf/struct.proto';
const ANY_JSON = '.google.protobuf.Value';

/* Field numbers of google/protobuf/descriptor.proto. */
const FILE = { name: 1, package: 2, dependency: 3, message: 4, service: 6, syntax: 12 } as const;
const MESSAGE = { name: 1, field: 2, nested: 3, options: 7, oneOf: 8 } as const;
const FIELD = {
  name: 1,
  number: 3,
  label: 4,
  type: 5,
  typeName: 6,
  oneOf: 9,
  json: 10,
  optional: 17,
} as const;
const METHOD = { name: 1, input: 2, output: 3, options: 4, serverStreaming: 6 } as const;
const SERVICE = { name: 1, method: 2 } as const;
const [MAP_ENTRY, IDEMPOTENCY_LEVEL, IDEMPOTENT] = [7, 34, 2];
const [OPTIONAL, REPEATED] = [1, 3];
const MESSAGE_TYPE = 11;
const TYPES = { double: 1, int64: 3, int32: 5, bool: 8, string: 9, bytes: 12 } as const;

/** The file of an owner's calls; those without field numbers are left out. */
export function describedFile(contracts: readonly Question[]): DescribedFile | undefined {
  const calls = contracts.flatMap((contract) => {
    const call = numberedCallOf(contract);
    return call ? [{ contract, call }] : [];
  });
  const [first] = calls;
  if (!first) return undefined;
  const home = first.call.package;
  const messages = calls.flatMap(({ call }) => messagesOf(call));
  const all = messages.flatMap(withNested);
  const usesAny = all.some(({ fields }) => fields.some(({ type }) => type === 'value'));
  const dependencies = usesAny ? [STRUCT_FILE] : [];
  const name = `${first.contract.owner}.proto`;
  const service = `${home}.${first.call.service}`;
  const writer = Writer.create();
  text(writer, FILE.name, name);
  text(writer, FILE.package, home);
  for (const file of dependencies) text(writer, FILE.dependency, file);
  for (const message of messages)
    part(writer, FILE.message, () => writeMessage(writer, message, home, first.call.numbers));
  part(writer, FILE.service, () => writeService(writer, first.call.service, calls, home));
  text(writer, FILE.syntax, 'proto3');
  return {
    name,
    dependencies,
    symbols: [
      service,
      ...calls.map(({ call }) => `${service}.${call.method}`),
      ...all.map(({ path }) => `${home}.${path}`),
    ],
    bytes: Buffer.from(writer.finish()),
  };
}

function writeService(
  writer: Writer,
  name: string,
  calls: readonly { readonly contract: Question; readonly call: NumberedCall }[],
  home: string,
): void {
  text(writer, SERVICE.name, name);
  for (const { contract, call } of calls)
    part(writer, SERVICE.method, () => {
      text(writer, METHOD.name, call.method);
      text(writer, METHOD.input, `.${home}.${call.request.path}`);
      text(writer, METHOD.output, `.${home}.${call.reply.path}`);
      if (contract.idempotent)
        part(writer, METHOD.options, () => number(writer, IDEMPOTENCY_LEVEL, IDEMPOTENT));
      if (call.isStream) number(writer, METHOD.serverStreaming, 1);
    });
}

function writeMessage(
  writer: Writer,
  message: ProtoMessage,
  home: string,
  numbers: NumberedCall['numbers'],
): void {
  text(writer, MESSAGE.name, lastOf(message.path));
  const oneOfs = message.holds === 'union' ? [ONE_OF] : [];
  for (const field of message.fields) {
    const isOptional = isMarkedOptional(message, field);
    if (isOptional) oneOfs.push(`_${field.name}`);
    part(writer, MESSAGE.field, () => {
      const fieldNumber = fieldNumberOf(message, field, numbers);
      writeField(writer, field, fieldNumber, typeOf(field, message, home));
      if (message.holds === 'union') number(writer, FIELD.oneOf, 0);
      else text(writer, FIELD.json, field.json);
      if (!isOptional) return;
      number(writer, FIELD.oneOf, oneOfs.length - 1);
      number(writer, FIELD.optional, 1);
    });
    if (field.label === 'map') part(writer, MESSAGE.nested, () => writeEntry(writer, field, home));
  }
  for (const inner of message.nested)
    part(writer, MESSAGE.nested, () => writeMessage(writer, inner, home, numbers));
  for (const name of oneOfs) part(writer, MESSAGE.oneOf, () => text(writer, 1, name));
}

const lastOf = (path: string): string => path.slice(path.lastIndexOf('.') + 1);
const entryOf = ({ name }: ProtoField): string => `${messageNameOf(name)}Entry`;

interface WrittenType {
  readonly type: number;
  readonly name?: string;
}

function typeOf(field: ProtoField, message: ProtoMessage, home: string): WrittenType {
  return field.label === 'map'
    ? { type: MESSAGE_TYPE, name: `.${home}.${message.path}.${entryOf(field)}` }
    : singleType(field.type, home);
}

function singleType(type: ProtoType, home: string): WrittenType {
  if (type === 'value') return { type: MESSAGE_TYPE, name: ANY_JSON };
  return typeof type === 'string'
    ? { type: TYPES[type] }
    : { type: MESSAGE_TYPE, name: `.${home}.${type.path}` };
}

function writeField(
  writer: Writer,
  { name, label }: Pick<ProtoField, 'name' | 'label'>,
  fieldNumber: number,
  type: WrittenType,
): void {
  text(writer, FIELD.name, name);
  number(writer, FIELD.number, fieldNumber);
  number(writer, FIELD.label, label === 'single' ? OPTIONAL : REPEATED);
  number(writer, FIELD.type, type.type);
  if (type.name !== undefined) text(writer, FIELD.typeName, type.name);
}

/** Protobuf's form of a map: a list of messages with a key and a value. */
function writeEntry(writer: Writer, field: ProtoField, home: string): void {
  text(writer, MESSAGE.name, entryOf(field));
  const label = 'single';
  part(writer, MESSAGE.field, () =>
    writeField(writer, { name: 'key', label }, 1, { type: TYPES.string }),
  );
  part(writer, MESSAGE.field, () =>
    writeField(writer, { name: 'value', label }, 2, singleType(field.type, home)),
  );
  part(writer, MESSAGE.options, () => number(writer, MAP_ENTRY, 1));
}

function text(writer: Writer, field: number, value: string): void {
  writer.uint32((field << 3) | 2).string(value);
}

function number(writer: Writer, field: number, value: number): void {
  writer.uint32(field << 3).int32(value);
}

function part(writer: Writer, field: number, write: () => void): void {
  writer.uint32((field << 3) | 2).fork();
  write();
  writer.ldelim();
}
