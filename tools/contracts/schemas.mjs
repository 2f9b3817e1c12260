// The schemas of contracts as files: of this tree, and of a base that promised more.
import fs from 'node:fs';
import { HOME, list, ownerOf, owners } from './contract-sources.mjs';
import { listInBase, showInBase } from './written-files.mjs';
import { messageOf, Mistake } from '../terminal/errors.mjs';

/** @import { ContractSchema } from '../../libs/parley/contract/src/index.js' */
/** @import { GeneratedFile } from './written-files.mjs' */

/**
 * The schemas of each contract by its name, newest first.
 * @typedef {Map<string, ContractSchema[]>} Schemas
 */

const SCHEMA = /^libs\/contracts\/[a-z0-9-]+\/schemas\/([a-z0-9-]+\.[a-z0-9-]+)\.v(\d+)\.json$/;

/** @param {ContractSchema} schema */
export const schemaFile = (schema) =>
  `${HOME}/${ownerOf(schema)}/schemas/${schema.name}.v${schema.version}.json`;

/**
 * @param {ContractSchema} schema
 * @returns {GeneratedFile}
 */
export const generatedSchema = (schema) => ({
  file: schemaFile(schema),
  text: `${JSON.stringify(schema, null, 2)}\n`,
  says: 'is not as its contract',
});

/**
 * The schemas that were promised before.
 * @param {string} [base] a revision; without it, this tree
 * @returns {Schemas}
 */
export function committed(base) {
  const files = base
    ? listInBase(base, HOME)
    : owners.flatMap((owner) => list(`${HOME}/${owner}/schemas`));
  /** @type {ContractSchema[]} */
  const schemas = files
    .filter((file) => SCHEMA.test(file))
    .map((file) =>
      base
        ? parsed(`${base}:${file}`, showInBase(base, file))
        : parsed(file, fs.readFileSync(file, 'utf8')),
    );
  return byName(schemas);
}

/**
 * @param {string} file
 * @param {string} text
 * @returns {ContractSchema}
 * @throws Mistake naming the file
 */
function parsed(file, text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Mistake(
      `${file} cannot be read (${messageOf(error)}); what it promised is unknown: restore it from version control`,
    );
  }
}

/**
 * The schemas of both, for what the base promised stays promised when its files are deleted. Where
 * both have a version, the base's counts.
 * @param {Schemas} base
 * @param {Schemas} folder
 * @returns {Schemas}
 */
export function together(base, folder) {
  const schemas = [...folder.values(), ...base.values()].flat();
  return byName([...new Map(schemas.map((schema) => [schemaFile(schema), schema])).values()]);
}

/**
 * @param {readonly ContractSchema[]} schemas
 * @returns {Schemas}
 */
function byName(schemas) {
  /** @type {Schemas} */
  const found = new Map();
  for (const schema of schemas)
    found.set(
      schema.name,
      [...(found.get(schema.name) ?? []), schema].sort((a, b) => b.version - a.version),
    );
  return found;
}
