// The contracts of this tree: compiled, loaded, and as schemas.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { compile, isCurrent } from '../build/build.mjs';

/** @import { ContractSchema } from '../../libs/parley/contract/src/index.js' */
/** @typedef {typeof import('../../libs/parley/contract/src/index.js')} ContractKit */

/**
 * A contract, and the name by which it is imported.
 * @typedef {{ exported: string, schema: ContractSchema }} Promised
 */

export const HOME = 'libs/contracts';
const KIT = 'libs/parley/contract/src';
const root = path.resolve(import.meta.dirname, '../..');
const require = createRequire(import.meta.url);

export const owners = fs
  .readdirSync(path.join(root, HOME))
  .filter((owner) => fs.existsSync(path.join(root, HOME, owner, 'src/index.ts')));

/** @param {string} folder */
export const list = (folder) =>
  fs.existsSync(folder) ? fs.readdirSync(folder).map((file) => `${folder}/${file}`) : [];

/** @param {string} folder */
export const sourcesIn = (folder) =>
  list(folder).filter((file) => /(?<!\.spec|\.test-d|\.d)\.ts$/.test(file));

/** @param {string} file */
const load = (file) => require(path.join(root, 'dist', file.replace(/\.ts$/, '.js')));

/**
 * Compiles the contracts and their library, and nothing else: the rest of the tree need not compile
 * for them.
 * @returns {Promise<ContractKit>}
 */
export async function compileContracts() {
  const folders = [KIT, `${KIT}/protobuf`, ...owners.map((owner) => `${HOME}/${owner}/src`)];
  const stale = folders.flatMap(sourcesIn).filter((file) => !isCurrent(file));
  await Promise.all(stale.map((file) => compile(file)));
  return load(`${KIT}/index.ts`);
}

/**
 * @param {unknown} value
 * @returns {value is Parameters<ContractKit['schemaOf']>[0]}
 */
const isContract = (value) =>
  typeof value === 'object' &&
  value !== null &&
  ['kind', 'owner', 'payload'].every((property) => property in value);

/**
 * Every contract, as a schema and under the name it is imported by.
 * @param {ContractKit} kit
 * @returns {Promised[]}
 */
export function promised({ schemaOf }) {
  return owners.flatMap((owner) =>
    Object.entries(load(`${HOME}/${owner}/src/index.ts`)).flatMap(([exported, value]) =>
      isContract(value) ? [{ exported, schema: schemaOf(value) }] : [],
    ),
  );
}

/**
 * Sentences about contracts that their library does not export.
 * @param {ContractKit} kit
 * @param {Promised[]} contracts
 */
export function hidden({ contractsLoaded }, contracts) {
  for (const owner of owners) for (const file of sourcesIn(`${HOME}/${owner}/src`)) load(file);
  const exported = new Set(contracts.map(({ schema }) => schema.name));
  return contractsLoaded()
    .filter(({ name }) => !exported.has(name))
    .map(
      ({ name, owner }) =>
        `${name} is defined, but ${HOME}/${owner}/src/index.ts does not export it: nobody can import it, and nobody looks after it`,
    );
}

/** @param {ContractSchema} schema */
export const ownerOf = ({ name }) => name.slice(0, name.indexOf('.'));
