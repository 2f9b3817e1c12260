// libs/contracts/<owner>/asyncapi.json: the commands, events and broadcasts of each owner, with the
// places they pass at each technology, for programs that do not use its contract library.
import fs from 'node:fs';
import { build } from '../build/build.mjs';
import { messageOf } from '../terminal/errors.mjs';
import { asyncChannels, CARRIERS } from './async-channels.mjs';
import { asyncExample } from './async-example.mjs';
import { HOME, owners } from './contract-sources.mjs';
import { readIfThere } from './written-files.mjs';

/** @import { Contract } from '../../libs/parley/contract/src/index.js' */
/** @import { ContractKit } from './contract-sources.mjs' */
/** @import { GeneratedFile } from './written-files.mjs' */

/** @param {string} owner */
export const asyncApiFile = (owner) => `${HOME}/${owner}/asyncapi.json`;

/** @param {Contract} contract */
const isAsync = ({ kind }) => kind !== 'call';

/**
 * The documents as they should be. AsyncAPI says what the schemas say: a change that would break it
 * breaks a schema. A tree without technologies has none; where they cannot be compiled or loaded,
 * this is the problem.
 * @param {ContractKit} kit
 * @returns {Promise<{ files: GeneratedFile[], problems: string[] }>}
 */
export async function asyncDocuments(kit) {
  if (!CARRIERS.every((name) => fs.existsSync(`libs/parley/transports/${name}/src`)))
    return { files: [], problems: [] };
  try {
    await build();
  } catch (error) {
    return { files: [], problems: [`asyncapi.json cannot be written: ${messageOf(error)}`] };
  }
  const contracts = kit.contractsLoaded().filter(isAsync);
  const all = owners.map((owner) => {
    const own = contracts.filter((contract) => contract.owner === owner);
    return own.length > 0 ? documentOf(kit, owner, own) : without(owner);
  });
  return {
    files: all.flatMap(({ files }) => files),
    problems: all.flatMap(({ problems }) => problems),
  };
}

/**
 * @param {string} owner
 * @returns {{ files: GeneratedFile[], problems: string[] }}
 */
function without(owner) {
  const file = asyncApiFile(owner);
  return {
    files: [],
    problems: readIfThere(file)
      ? [`${file} is of an owner that only answers calls; delete it`]
      : [],
  };
}

/**
 * @param {ContractKit} kit
 * @param {string} owner
 * @param {readonly Contract[]} contracts
 * @returns {{ files: GeneratedFile[], problems: string[] }}
 */
function documentOf(kit, owner, contracts) {
  const schemas = contracts.map(kit.schemaOf);
  const document = kit.asyncApiOf(owner, schemas, {
    ...asyncChannels(owner, schemas),
    examples: (schema) => [asyncExample(kit, schema)],
  });
  return {
    files: [
      {
        file: asyncApiFile(owner),
        text: `${JSON.stringify(document, null, 2)}\n`,
        says: 'is not as its contracts and technologies',
      },
    ],
    problems: [],
  };
}
