// Sentences about contracts that do not keep what was promised: the change, the services that it
// concerns, and the remedy.
import fs from 'node:fs';
import path from 'node:path';
import { topology } from '../topology/topology.mjs';
import { usersOf } from './contract-users.mjs';
import { HOME, sourcesIn } from './contract-sources.mjs';
import { schemaFile } from './schemas.mjs';
import { isWithdrawn, orSayWhy, promiseOf, withdrawnFile } from './withdrawn.mjs';
import { inCopyOfBase } from './written-files.mjs';

/** @import { Break, ContractSchema } from '../../libs/parley/contract/src/index.js' */
/** @import { ContractKit, Promised } from './contract-sources.mjs' */
/** @import { Schemas } from './schemas.mjs' */
/** @import { Withdrawn } from './withdrawn.mjs' */

const services = topology.map(({ name }) => name);
/** @param {string[]} names */
const andAll = (names) => (names.length ? names.join(', ') : 'no service');

/** Fields that concern those who ask, or send. */
const OF_WHO_ASKS =
  /^(?:reply|item|errors|deadline|silence|idempotent|stale|fallback|expiresWithCaller)\b/;

/**
 * The services that must be asked: those with the old schema, or those whose messages are refused.
 * @param {Promised} contract
 * @param {Break} broken
 */
function concerned({ exported, schema }, { breaks, field }) {
  const { sent: said, handled } = usersOf(
    { name: schema.name, kind: schema.kind, exported },
    services,
  );
  const answer = OF_WHO_ASKS.test(field);
  if (breaks === 'old messages')
    return `does not fit what ${andAll(answer ? handled : said)} said before; handled by ${andAll(answer ? said : handled)}`;
  return `not understood by ${andAll(answer ? said : handled)} before their next deployment`;
}

/**
 * Calls are not stored, so no version of theirs is read by an upcast: what breaks one needs a new
 * name.
 * @param {ContractKit} kit
 * @param {Promised} contract
 * @param {Schemas} before
 * @param {Withdrawn} withdrawn
 */
export function broken({ breaksOf }, contract, before, withdrawn) {
  const { schema } = contract;
  const newest = before.get(schema.name)?.[0];
  if (!newest || (schema.version > newest.version && schema.kind !== 'call')) return [];
  if (schema.version < newest.version)
    return [
      `${schema.name} is of version ${schema.version}, but version ${newest.version} was promised already`,
    ];
  const instead =
    schema.kind === 'call'
      ? 'Give it a new name'
      : `Give it version ${schema.version + 1}, or a new name`;
  return breaksOf(newest, schema)
    .filter(({ field }) => !isWithdrawn(withdrawn, newest, field))
    .map(
      (one) =>
        `${schema.name} v${schema.version} (${schema.kind}), ${one.field}: ${one.what} [${one.breaks}] ${concerned(contract, one)}. ${instead}, ${orSayWhy(newest, one.field)}.`,
    );
}

/**
 * Messages of older versions may be stored as long as nobody says that they are not: the newest
 * version must be able to read them.
 * @param {ContractKit} kit
 * @param {Promised} contract
 * @param {Schemas} before
 * @param {Withdrawn} withdrawn
 */
export function unread({ unreadOf }, contract, before, withdrawn) {
  const { schema } = contract;
  const older = (before.get(schema.name) ?? []).filter(
    (old) => old.version < schema.version && !withdrawn.has(promiseOf(old)),
  );
  return older.flatMap((old) =>
    unreadOf(old, schema).map(
      (one) =>
        `${schema.name} v${schema.version} (${schema.kind}), ${one.field}: ${one.what} since v${old.version} [${one.breaks}] ${concerned(contract, one)}. Give it upcasts: { ${old.version}: … }, ${orSayWhy(old)} once nothing of it is stored.`,
    ),
  );
}

/**
 * Promised before, and gone from the sources.
 * @param {Promised[]} contracts
 * @param {Schemas} before
 * @param {Withdrawn} withdrawn
 * @param {string | undefined} base its sources tell the users; without it, the present ones
 */
export function orphans(contracts, before, withdrawn, base) {
  const names = new Set(contracts.map(({ schema }) => schema.name));
  const gone = [...before.values()]
    .flat()
    .filter((schema) => !names.has(schema.name) && !withdrawn.has(promiseOf(schema)));
  if (gone.length === 0) return [];
  /** @param {string} sources a folder */
  const told = (sources) => gone.map((schema) => orphan(schema, sources));
  return base ? inCopyOfBase(base, ['apps', HOME], told) : told('.');
}

/**
 * @param {ContractSchema} schema
 * @param {string} sources a folder
 */
function orphan(schema, sources) {
  const contract = { ...schema, exported: exportedIn(sources, schema) };
  const { sent: said, handled } = usersOf(contract, services, sources);
  return `${schema.name} v${schema.version} (${schema.kind}) was promised and is gone: said by ${andAll(said)}, handled by ${andAll(handled)}. Keep it until nothing of it is stored or asked for, ${orSayWhy(schema)}.`;
}

/**
 * The name by which it was imported; as it is by convention, where its definition is gone.
 * @param {string} sources a folder
 * @param {ContractSchema} schema
 */
function exportedIn(sources, { name }) {
  const [owner = '', own = ''] = name.split('.');
  const files = sourcesIn(path.join(sources, HOME, owner, 'src')).map((file) =>
    fs.readFileSync(file, 'utf8'),
  );
  const found = files
    .map((text) => new RegExp(`export const (\\w+)[^=]*=\\s*\\w+\\(\\s*'${name}'`).exec(text)?.[1])
    .find(Boolean);
  return (
    found ?? own.replace(/(?:^|-)(\w)/g, (_, /** @type {string} */ letter) => letter.toUpperCase())
  );
}

/**
 * Schemas of contracts that were withdrawn: none is kept.
 * @param {Promised[]} contracts
 * @param {Schemas} here
 * @param {Withdrawn} withdrawn
 */
export const leftovers = (contracts, here, withdrawn) =>
  [...here.values()]
    .flat()
    .filter(
      (schema) =>
        withdrawn.has(promiseOf(schema)) &&
        !contracts.some((one) => promiseOf(one.schema) === promiseOf(schema)),
    )
    .map(
      (schema) =>
        `${schemaFile(schema)} is of a contract that ${withdrawnFile(schema)} withdraws; delete it`,
    );
