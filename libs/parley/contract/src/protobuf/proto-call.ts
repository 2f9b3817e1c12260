import type { Contract, Question } from '../contract';
import { ContractError } from '../contract-error';
import { schemaOf } from '../contract-schema';
import { type FieldNumbers, fieldNumbersOf } from './field-numbers';
import { isWrapper, type ProtoCall, type ProtoMessage, withNested } from './message';
import { MessageMaker } from './message-maker';
import { messageNameOf, protoNamesOf } from './names';

/** A call's messages, with the numbers of their fields. */
export interface NumberedCall extends ProtoCall {
  readonly numbers: FieldNumbers;
}

const made = new WeakMap<Contract, ProtoCall>();

/** The messages of a call, made from its schemas. */
export function protoCallOf(contract: Question): ProtoCall {
  const known = made.get(contract);
  if (known) return known;
  const { payload, reply, item, errors } = schemaOf(contract);
  const names = protoNamesOf(contract.name);
  const { method } = names;
  const call: ProtoCall = {
    ...names,
    request: new MessageMaker(payload).topLevel(`${method}Request`),
    reply: new MessageMaker(item ?? reply ?? {}).topLevel(`${method}${item ? 'Item' : 'Reply'}`),
    isStream: item !== undefined,
    errors: Object.fromEntries(
      Object.entries(errors ?? {}).map(([code, details]) => [
        code,
        new MessageMaker(details).topLevel(`${method}${errorName(code)}Error`),
      ]),
    ),
  };
  made.set(contract, call);
  return call;
}

const errorName = (code: string): string =>
  messageNameOf(code.toLowerCase().replace(/[^a-z0-9]+/g, '_'));

/**
 * The messages of a call with the numbers that its owner's library registers. Undefined when it
 * registers none for this call: such a call travels as JSON.
 * @throws ContractError when a field has no number
 */
export function numberedCallOf(contract: Question): NumberedCall | undefined {
  const numbers = fieldNumbersOf(contract.owner);
  const call = protoCallOf(contract);
  if (!numbers || !Object.hasOwn(numbers, call.request.path)) return undefined;
  for (const message of messagesOf(call)) requireNumbers(contract, message, numbers);
  return { ...call, numbers };
}

/** All messages of a call that are declared outside of any other. */
export const messagesOf = ({ request, reply, errors }: ProtoCall): readonly ProtoMessage[] => [
  request,
  reply,
  ...Object.values(errors),
];

function requireNumbers(contract: Question, message: ProtoMessage, numbers: FieldNumbers): void {
  for (const { path, fields } of withNested(message).filter((one) => !isWrapper(one))) {
    const given = Object.hasOwn(numbers, path) ? numbers[path] : undefined;
    const missing = fields.find(({ json }) => !given || !Object.hasOwn(given, json));
    if (missing)
      throw new ContractError(
        `${contract.name}: the field "${missing.json}" of ${path} has no number in protobuf; run npm run contracts, which gives it one`,
      );
  }
}
