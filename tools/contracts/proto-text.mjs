// The .proto file of an owner: its calls and their messages as text.

/** @import { Question, ProtoCall, ProtoField, ProtoMessage, ProtoType } from '../../libs/parley/contract/src/index.js' */
/** @import { ContractKit } from './contract-sources.mjs' */
/** @import { Numbered } from './proto-numbers.mjs' */

const STRUCT = 'google/protobuf/struct.proto';
const ANY_JSON = 'google.protobuf.Value';
const INDENT = '  ';
/** Characters of a comment that stands behind its field; longer ones stand above. */
const LONGEST_BESIDE = 60;

/**
 * A type as it is written in a message.
 * @param {ProtoType} type
 * @param {ProtoMessage} scope
 * @param {string} home the package
 */
function typeText(type, scope, home) {
  if (type === 'value') return ANY_JSON;
  if (typeof type === 'string') return type;
  return scope.nested.includes(type)
    ? type.path.slice(scope.path.length + 1)
    : `.${home}.${type.path}`;
}

/**
 * `repeated Lines`, as it is compared when a contract changes.
 * @param {ContractKit} kit
 * @param {ProtoField} field
 * @param {ProtoMessage} scope
 * @param {string} home
 */
export function fieldTypeText({ isMarkedOptional }, field, scope, home) {
  const text = typeText(field.type, scope, home);
  if (field.label === 'map') return `map<string, ${text}>`;
  if (field.label === 'repeated') return `repeated ${text}`;
  return isMarkedOptional(scope, field) ? `optional ${text}` : text;
}

/**
 * @param {ContractKit} kit
 * @param {ProtoMessage} message
 * @param {string} home
 * @param {Numbered} numbered
 * @returns {string[]}
 */
function messageLines(kit, message, home, numbered) {
  const { fields, reserved } = numbered.messages[message.path] ?? { fields: {}, reserved: {} };
  const { numbers = [], names = [] } = reserved;
  const declared = message.fields.flatMap((field) =>
    commented(
      `${fieldTypeText(kit, field, message, home)} ${field.name} = ${fields[field.name]}${jsonName(kit, field, message)};`,
      field.comment,
    ),
  );
  const inside = [
    ...(numbers.length > 0 ? [`reserved ${numbers.join(', ')};`] : []),
    ...(names.length > 0 ? [`reserved ${names.map((name) => `"${name}"`).join(', ')};`] : []),
    ...message.nested.flatMap((inner) => messageLines(kit, inner, home, numbered)),
    ...(message.holds === 'union'
      ? [`oneof ${kit.ONE_OF} {`, ...declared.map((line) => INDENT + line), '}']
      : declared),
  ];
  const name = message.path.split('.').at(-1);
  return inside.length === 0
    ? [`message ${name} {}`]
    : [`message ${name} {`, ...inside.map((line) => INDENT + line), '}'];
}

/** @param {string} line @param {string} [comment] */
const commented = (line, comment) =>
  comment && comment.length > LONGEST_BESIDE
    ? [`// ${comment}`, line]
    : [comment ? `${line} // ${comment}` : line];

/**
 * @param {ContractKit} kit
 * @param {ProtoField} field
 * @param {ProtoMessage} message
 */
const jsonName = ({ jsonNameOf }, { name, json }, { holds }) =>
  holds === 'object' && jsonNameOf(name) !== json ? ` [json_name = ${JSON.stringify(json)}]` : '';

/**
 * @param {Question} contract
 * @param {ProtoCall} call
 */
function methodLines(contract, { method, request, reply, errors, isStream }) {
  const told = Object.entries(errors).map(([code, { path }]) => `${path} (${code})`);
  const head = `rpc ${method}(${request.path}) returns (${isStream ? 'stream ' : ''}${reply.path})`;
  return [
    `// ${contract.name}: within ${contract.deadline} ms.${told.length > 0 ? ` Fails with ${told.join(', ')}.` : ''}`,
    ...(contract.idempotent
      ? [`${head} {`, `${INDENT}option idempotency_level = IDEMPOTENT;`, '}']
      : [`${head};`]),
  ];
}

/**
 * @param {ContractKit} kit
 * @param {string} owner
 * @param {Question[]} contracts
 * @param {Numbered} numbered
 */
export function protoText(kit, owner, contracts, numbered) {
  const calls = contracts.map((contract) => ({ contract, call: kit.protoCallOf(contract) }));
  const [{ call: first }] = /** @type {[typeof calls[0]]} */ (calls);
  const messages = calls.flatMap(({ call }) => kit.messagesOf(call));
  const lines = messages.map((message) =>
    messageLines(kit, message, first.package, numbered).join('\n'),
  );
  const usesAnyJson = lines.some((text) => text.includes(ANY_JSON));
  const methods = calls.flatMap(({ contract, call }) => methodLines(contract, call));
  return `${[
    `// The calls of ${owner}. Written by npm run contracts from src: do not edit. Numbers stay for ever.`,
    'syntax = "proto3";',
    `package ${first.package};`,
    ...(usesAnyJson ? [`import "${STRUCT}";`] : []),
    [`service ${first.service} {`, ...methods.map((line) => INDENT + line), '}'].join('\n'),
    ...lines,
  ].join('\n\n')}\n`;
}

/**
 * The module by which the contract library tells the numbers at run time.
 * @param {ContractKit} kit
 * @param {string} owner
 * @param {ProtoMessage[]} messages all of them, also nested ones
 * @param {Numbered} numbered
 */
export function numbersText({ isWrapper }, owner, messages, numbered) {
  const entries = messages
    .filter((message) => !isWrapper(message) || !message.path.includes('.'))
    .map(({ path, fields }) => {
      const numbers = fields.map(
        ({ json, name }) => `${JSON.stringify(json)}: ${numbered.messages[path]?.fields[name]}`,
      );
      return `${JSON.stringify(path)}: { ${numbers.join(', ')} },`;
    });
  return `// Written by npm run contracts, with ../${owner}.proto: do not edit.
import { fieldNumbers } from '@parley/contract';

fieldNumbers('${owner}', {
${entries.join('\n')}
});
`;
}
