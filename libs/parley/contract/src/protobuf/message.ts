import type { FieldNumbers } from './field-numbers';
import type { ProtoNames } from './names';

/* Protobuf messages as plain data: a .proto file without its field numbers. */

export type ProtoScalar = 'string' | 'bytes' | 'int32' | 'int64' | 'double' | 'bool';

/** A scalar, a message of its own, or `value`: any JSON, as google.protobuf.Value. */
export type ProtoType = ProtoScalar | 'value' | ProtoMessage;

/** How JSON and a message correspond. */
export type ProtoHolder =
  /** An object: a field for each property. */
  | 'object'
  /** One of several objects, told apart by the property `tag`: a field of a oneof for each. */
  | 'union'
  /** A list, a map, or a value that may be null, where protobuf allows no such thing directly. */
  | 'list'
  | 'map'
  | 'single';

export interface ProtoMessage {
  /** Below the package: `QuotePriceRequest.Lines`. */
  readonly path: string;
  readonly holds: ProtoHolder;
  /** Of a union: the property that tells its objects apart. */
  readonly tag?: string;
  readonly fields: readonly ProtoField[];
  /** The messages that are declared inside this one. */
  readonly nested: readonly ProtoMessage[];
}

export interface ProtoField {
  /** The property in JSON; in a union, the value of `tag`. */
  readonly json: string;
  /** The name in the .proto file. */
  readonly name: string;
  readonly label: 'single' | 'repeated' | 'map';
  readonly type: ProtoType;
  /**
   * The meaning of its absence. Every single field has presence: one that is missing is not read as
   * 0.
   */
  readonly absent: 'refused' | 'left out' | 'null';
  readonly comment?: string;
}

/** The messages of a call or a stream. */
export interface ProtoCall extends ProtoNames {
  readonly request: ProtoMessage;
  /** The reply; of a stream, an item. */
  readonly reply: ProtoMessage;
  /** True: it is answered by any number of replies, the items of a stream. */
  readonly isStream: boolean;
  /** The details of its errors, by code. */
  readonly errors: Readonly<Record<string, ProtoMessage>>;
}

/** Wrappers have one field, which needs no place in a list of numbers. */
const WRAPPED_FIELD_NUMBER = 1;

export const isWrapper = ({ holds }: ProtoMessage): boolean =>
  holds !== 'object' && holds !== 'union';

/** The number of a field, of a call whose numbers are complete. */
export const fieldNumberOf = (
  message: ProtoMessage,
  { json }: ProtoField,
  numbers: FieldNumbers,
): number => (isWrapper(message) ? WRAPPED_FIELD_NUMBER : numbers[message.path]![json]!);

/**
 * True for a field to which the word `optional` gives presence: a single scalar outside a union.
 */
export const isMarkedOptional = (message: ProtoMessage, { label, type }: ProtoField): boolean =>
  message.holds !== 'union' && label === 'single' && typeof type === 'string' && type !== 'value';

/** A message and all that are declared inside it. */
export const withNested = (message: ProtoMessage): readonly ProtoMessage[] => [
  message,
  ...message.nested.flatMap(withNested),
];
