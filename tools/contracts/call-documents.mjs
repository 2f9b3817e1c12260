// The documents of the calls of each owner, for programs that do not use its contract library: the
// .proto file with the module of its numbers, and OpenAPI.
import { HOME, owners } from './contract-sources.mjs';
import { protoFiles, protoOf } from './protos.mjs';
import { isWithdrawn, orSayWhy } from './withdrawn.mjs';
import { readIfThere, readInBase } from './written-files.mjs';

/** @import { Contract, Question } from '../../libs/parley/contract/src/index.js' */
/** @import { ContractKit } from './contract-sources.mjs' */
/** @import { Withdrawn } from './withdrawn.mjs' */
/** @import { GeneratedFile } from './written-files.mjs' */

/**
 * The documents as they should be, and changes that promises do not allow. OpenAPI says what the
 * schemas say: a change that would break it breaks a schema.
 * @param {ContractKit} kit
 * @param {Withdrawn} withdrawn
 * @param {string} [base] a revision
 * @returns {Promise<{ files: GeneratedFile[], problems: string[] }>}
 */
export async function callDocuments(kit, withdrawn, base) {
  const calls = kit.contractsLoaded().filter(isCall).sort(byName);
  const all = await Promise.all(
    owners.map((owner) => {
      const own = calls.filter((call) => call.owner === owner);
      return own.length > 0 ? documentsOf(kit, owner, own, withdrawn, base) : without(owner);
    }),
  );
  return {
    files: all.flatMap(({ files }) => files),
    problems: all.flatMap(({ problems }) => problems),
  };
}

/**
 * @param {Contract} contract
 * @returns {contract is Question}
 */
const isCall = (contract) => contract.kind === 'call';

/** @param {{ name: string }} a @param {{ name: string }} b */
const byName = (a, b) => (a.name < b.name ? -1 : 1);

/** @param {string} owner */
const folderOf = (owner) => `${HOME}/${owner}`;
/** @param {string} owner */
const openApiFile = (owner) => `${folderOf(owner)}/openapi.json`;

/**
 * An owner without calls has no documents.
 * @param {string} owner
 */
function without(owner) {
  const { proto, module } = protoFiles(owner, folderOf(owner));
  const left = [proto, module, openApiFile(owner)].filter((file) => readIfThere(file));
  return {
    files: [],
    problems: left.map((file) => `${file} is of an owner without calls; delete it`),
  };
}

/**
 * @param {ContractKit} kit
 * @param {string} owner
 * @param {Question[]} calls
 * @param {Withdrawn} withdrawn
 * @param {string} [base] a revision
 */
async function documentsOf(kit, owner, calls, withdrawn, base) {
  /** @param {string} name @param {string} field */
  const withdrawal = (name, field) => {
    const schema = kit.schemaOf(kit.contractNamed(name));
    return isWithdrawn(withdrawn, schema, field) ? undefined : orSayWhy(schema, field);
  };
  const folder = folderOf(owner);
  const before = base && readInBase(base, protoFiles(owner, folder).proto);
  const { files, problems } = await protoOf(kit, owner, folder, calls, withdrawal, before);
  const openApi = {
    file: openApiFile(owner),
    text: `${JSON.stringify(kit.openApiOf(owner, calls.map(kit.schemaOf)), null, 2)}\n`,
    says: 'is not as its contracts',
  };
  return { files: [...files, openApi], problems };
}
