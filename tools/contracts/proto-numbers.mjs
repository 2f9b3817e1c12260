// Field numbers stay for ever: they are read from the .proto file that is there, kept, and new ones
// are given to new fields only. What was removed is reserved.
import protobuf from 'protobufjs';
import { fieldTypeText } from './proto-text.mjs';

/** @import { ProtoMessage } from '../../libs/parley/contract/src/index.js' */
/** @import { ContractKit } from './contract-sources.mjs' */

/**
 * @typedef {{ number: number, type: string }} WrittenField
 * @typedef {{ numbers?: number[], names?: string[] }} Reserved
 * @typedef {{ fields: Record<string, WrittenField>, reserved: Reserved }} WrittenMessage
 * @typedef {Record<string, WrittenMessage>} Written by path
 * @typedef {{ messages: Record<string, { fields: Record<string, number>, reserved: Reserved }> }} Numbered
 * @typedef {{ path: string, field: string, what: string }} ProtoBreak
 */

/** Numbers that protobuf keeps for itself. */
const [FIRST_KEPT, LAST_KEPT] = [19_000, 19_999];

/**
 * The messages of a .proto file.
 * @param {string} text
 * @returns {Written}
 */
export function readProto(text) {
  const { root, package: home = '' } = protobuf.parse(text, { keepCase: true });
  /** @type {Written} */
  const found = {};
  /** @param {import('protobufjs').NamespaceBase} space @param {string} path */
  const visit = (space, path) => {
    for (const inner of space.nestedArray) {
      if (!(inner instanceof protobuf.Type)) continue;
      const at = path === '' ? inner.name : `${path}.${inner.name}`;
      found[at] = writtenMessage(inner);
      visit(inner, at);
    }
  };
  const space = root.lookup(home);
  if (space instanceof protobuf.Namespace) visit(space, '');
  return found;
}

/**
 * @param {import('protobufjs').Type} type
 * @returns {WrittenMessage}
 */
function writtenMessage(type) {
  const reserved = type.reserved ?? [];
  return {
    fields: Object.fromEntries(
      type.fieldsArray.map((field) => [field.name, { number: field.id, type: writtenType(field) }]),
    ),
    reserved: {
      numbers: reserved.flatMap((one) => (Array.isArray(one) ? range(one[0], one[1]) : [])),
      names: reserved.filter((one) => typeof one === 'string'),
    },
  };
}

/** @param {number | undefined} from @param {number | undefined} to */
const range = (from = 0, to = 0) =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** @param {import('protobufjs').Field} field */
function writtenType(field) {
  if (field.map) return `map<string, ${field.type}>`;
  if (field.repeated) return `repeated ${field.type}`;
  return field.options?.['proto3_optional'] ? `optional ${field.type}` : field.type;
}

/** Both are one varint on the wire. @param {string} type */
const onTheWire = (type) => type.replace(/\bint32\b/, 'int64');

/** @param {string} before @param {string} after */
export const isSameType = (before, after) => onTheWire(before) === onTheWire(after);

/**
 * The numbers of all messages, and fields whose number cannot be kept because their type changed.
 * @param {ContractKit} kit
 * @param {ProtoMessage[]} messages all of them, also nested ones
 * @param {string} home the package
 * @param {Written} written the file that is there
 * @param {(path: string, field: string) => boolean} isWithdrawn
 * @returns {Numbered & { breaks: ProtoBreak[] }}
 */
export function numbersOf(kit, messages, home, written, isWithdrawn) {
  /** @type {ProtoBreak[]} */
  const breaks = [];
  /** @type {Numbered['messages']} */
  const numbered = {};
  for (const message of messages) {
    const before = written[message.path] ?? { fields: {}, reserved: {} };
    /** @type {Record<string, number>} */
    const fields = {};
    const taken = new Set(before.reserved.numbers ?? []);
    for (const { number } of Object.values(before.fields)) taken.add(number);
    for (const field of message.fields) {
      const old = Object.hasOwn(before.fields, field.name) ? before.fields[field.name] : undefined;
      const type = fieldTypeText(kit, field, message, home);
      const changed = old && !isSameType(old.type, type);
      if (changed && !isWithdrawn(message.path, field.name))
        breaks.push({
          path: message.path,
          field: field.name,
          what: `is ${type}, but was written as ${old.type}`,
        });
      fields[field.name] = old && !changed ? old.number : next(taken);
    }
    numbered[message.path] = { fields, reserved: reservedIn(before, fields) };
  }
  return { messages: numbered, breaks };
}

/** @param {Set<number>} taken */
function next(taken) {
  let number = Math.max(0, ...taken) + 1;
  if (number >= FIRST_KEPT && number <= LAST_KEPT) number = LAST_KEPT + 1;
  taken.add(number);
  return number;
}

/**
 * @param {WrittenMessage} before
 * @param {Record<string, number>} now
 * @returns {Reserved}
 */
function reservedIn(before, now) {
  const used = new Set(Object.values(now));
  const old = Object.entries(before.fields);
  const numbers = [...(before.reserved.numbers ?? []), ...old.map(([, { number }]) => number)];
  const names = [...(before.reserved.names ?? []), ...old.map(([name]) => name)];
  return {
    numbers: [...new Set(numbers)].filter((one) => !used.has(one)).sort((a, b) => a - b),
    names: [...new Set(names)].filter((one) => !Object.hasOwn(now, one)).sort(),
  };
}

/**
 * Fields and reserved numbers of the base that these messages do not keep. Messages that are gone
 * are not looked at: the fields or contracts that had them are.
 * @param {Written} base
 * @param {Written} now
 * @returns {ProtoBreak[]}
 */
export function brokenSince(base, now) {
  return Object.entries(base).flatMap(([path, before]) => {
    const after = Object.hasOwn(now, path) ? now[path] : undefined;
    if (!after) return [];
    const kept = [
      ...Object.entries(before.fields).map(([field, old]) => ({
        field,
        what: brokenField(field, old, after),
      })),
      ...(before.reserved.numbers ?? [])
        .filter((number) => !after.reserved.numbers?.includes(number))
        .map((number) => ({ field: String(number), what: 'was a reserved number and is no more' })),
    ];
    return kept.flatMap(({ field, what }) => (what ? [{ path, field, what }] : []));
  });
}

/**
 * @param {string} name
 * @param {WrittenField} old
 * @param {WrittenMessage} after
 */
function brokenField(name, old, after) {
  const isReserved = after.reserved.numbers?.includes(old.number);
  const now = Object.hasOwn(after.fields, name) ? after.fields[name] : undefined;
  if (!now)
    return isReserved && after.reserved.names?.includes(name)
      ? undefined
      : `was removed, and its number ${old.number} and its name are not both reserved`;
  if (now.number !== old.number && !(isReserved && !isSameType(old.type, now.type)))
    return `has the number ${now.number}, but had ${old.number}`;
  return isSameType(old.type, now.type) ? undefined : `is ${now.type}, but was ${old.type}`;
}
