/*
 * Protobuf messages as plain data: what a .proto file says about them, without field numbers.
 */

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
   * What its absence means. Every single field has presence: one that is missing is not read as 0.
   */
  readonly absent: 'refused' | 'left out' | 'null';
  readonly comment?: string;
}

/** The messages of a call. */
export interface ProtoCall {
  readonly package: string;
  readonly service: string;
  readonly method: string;
  readonly request: ProtoMessage;
  readonly reply: ProtoMessage;
  /** The details of its errors, by code. */
  readonly errors: Readonly<Record<string, ProtoMessage>>;
}

/** Wrappers have one field, which needs no place in a list of numbers. */
export const WRAPPED_FIELD_NUMBER = 1;

export const isWrapper = ({ holds }: ProtoMessage): boolean =>
  holds !== 'object' && holds !== 'union';

/** A message and all that are declared inside it. */
export const withNested = (message: ProtoMessage): readonly ProtoMessage[] => [
  message,
  ...message.nested.flatMap(withNested),
];
