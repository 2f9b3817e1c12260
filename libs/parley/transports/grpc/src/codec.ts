import { numberedCallOf, type NumberedCall, type Question } from '@parley/contract';
import { callPathOf } from '@parley/messaging/transport';
import { ProtobufError } from './protobuf/protobuf-error';
import { MessageCodecs, type MessageCodec } from './protobuf/message-codec';

/**
 * The form of requests and replies on the wire, for the pipeline's JSON. All of them throw
 * ProtobufError.
 */
export interface WireForm {
  encodeRequest(json: Buffer): Buffer;
  decodeRequest(message: Buffer): Buffer;
  encodeReply(json: Buffer): Buffer;
  decodeReply(message: Buffer): Buffer;
}

export interface Method {
  /** `/catalog.Catalog/QuotePrice` for `catalog.quote-price`. */
  readonly path: string;
  /** Protobuf; JSON for a contract whose library tells no field numbers. */
  readonly form: WireForm;
  /** The messages of errors, by code. */
  readonly errors: ReadonlyMap<string, ErrorMessage>;
}

export interface ErrorMessage {
  /** `catalog.QuotePriceUnknownSkuError` */
  readonly fullName: string;
  encode(details: unknown): Buffer;
}

const asIs = (bytes: Buffer): Buffer => bytes;

/** The pipeline's JSON as it is: a gRPC frame already says how long it is. */
const JSON_FORM: WireForm = {
  encodeRequest: asIs,
  decodeRequest: asIs,
  encodeReply: asIs,
  decodeReply: asIs,
};

const methods = new WeakMap<Question, Method>();

/**
 * How a call becomes gRPC messages, and under which path: compiled when it is first asked for.
 * @throws ContractError when a field has no number
 */
export function methodOf(contract: Question): Method {
  const known = methods.get(contract);
  if (known) return known;
  const method = compiled(contract);
  methods.set(contract, method);
  return method;
}

function compiled(contract: Question): Method {
  const path = callPathOf(contract);
  const call = numberedCallOf(contract);
  if (!call) return { path, form: JSON_FORM, errors: new Map() };
  const codecs = new MessageCodecs(call.numbers);
  const [request, reply] = [codecs.of(call.request), codecs.of(call.reply)];
  const form: WireForm = {
    encodeRequest: (json) => toMessage(request, json),
    decodeRequest: (message) => toJson(request, message),
    encodeReply: (json) => toMessage(reply, json),
    decodeReply: (message) => toJson(reply, message),
  };
  return { path, form, errors: errorMessages(call, codecs) };
}

const errorMessages = (call: NumberedCall, codecs: MessageCodecs) =>
  new Map(
    Object.entries(call.errors).map(([code, message]): [string, ErrorMessage] => {
      const fullName = `${call.package}.${message.path}`;
      return [code, { fullName, encode: codecs.of(message).encode }];
    }),
  );

const [OPEN_BRACE, OPEN_BRACKET] = Buffer.from('{[');

/**
 * JSON begins with a bracket. As the first byte of a message, either would begin a group, which
 * proto3 does not have.
 */
const isJson = ([first]: Buffer): boolean => first === OPEN_BRACE || first === OPEN_BRACKET;

/** The form of a message, which its answer has, too. */
export const formOf = (method: Method, message: Buffer): WireForm =>
  isJson(message) ? JSON_FORM : method.form;

const toMessage = (codec: MessageCodec, json: Buffer): Buffer =>
  codec.encode(JSON.parse(json.toString()));

const toJson = (codec: MessageCodec, message: Buffer): Buffer =>
  isJson(message) ? message : Buffer.from(JSON.stringify(codec.decode(message)));

/** The faults of a message, by field. */
export const issuesOf = (error: unknown): readonly [{ path: string; message: string }] => [
  error instanceof ProtobufError
    ? { path: error.field, message: error.problem }
    : { path: '', message: (error as Error).message },
];

/** Bytes of the largest message that either side sends or accepts. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
