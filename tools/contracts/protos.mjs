// The .proto file of each owner that answers calls, and the module that tells the numbers of its
// fields at run time.
import prettier from 'prettier';
import { brokenSince, numbersOf, readProto } from './proto-numbers.mjs';
import { numbersText, protoText } from './proto-text.mjs';
import { readIfThere } from './written-files.mjs';

/** @import { ProtoMessage, Question } from '../../libs/parley/contract/src/index.js' */
/** @import { ContractKit } from './contract-sources.mjs' */
/** @import { ProtoBreak } from './proto-numbers.mjs' */
/** @import { GeneratedFile } from './written-files.mjs' */

const IMPORT = "import './field-numbers';\n";

/** @param {string} owner @param {string} folder */
export const protoFiles = (owner, folder) => ({
  proto: `${folder}/${owner}.proto`,
  module: `${folder}/src/field-numbers.ts`,
});

/**
 * The files of an owner as they should be, and changes that its promises do not allow.
 * @param {ContractKit} kit
 * @param {string} owner
 * @param {string} folder
 * @param {Question[]} contracts at least one
 * @param {(contract: string, field: string) => string | undefined} withdrawal how a break is
 * allowed; undefined when it is
 * @param {string} [base] the .proto file as the base has it
 */
export async function protoOf(kit, owner, folder, contracts, withdrawal, base) {
  const { proto: file, module } = protoFiles(owner, folder);
  const { messages, contractOf } = messagesOf(kit, contracts);
  const home = kit.protoCallOf(/** @type {Question} */ (contracts[0])).package;
  /** @param {string} path @param {string} field */
  const allowed = (path, field) => withdrawal(contractOf(path), `${path}.${field}`);
  const numbered = numbersOf(
    kit,
    messages,
    home,
    readProto(readIfThere(file) ?? ''),
    (path, field) => allowed(path, field) === undefined,
  );
  const text = protoText(kit, owner, contracts, numbered);
  /** @param {ProtoBreak} one */
  const problem = ({ path, field, what }) => {
    const how = allowed(path, field);
    return how === undefined
      ? []
      : [
          `${file}, ${path}.${field}: ${what}; other programs read the old one. Give the field a new name, or restore it, ${how}.`,
        ];
  };
  const since = base === undefined ? [] : brokenSince(readProto(base), readProto(text));
  const broken = [...numbered.breaks, ...since].flatMap(problem);
  const index = readIfThere(`${folder}/src/index.ts`) ?? '';
  const config = await prettier.resolveConfig(module);
  /** @type {GeneratedFile[]} */
  const files = [
    { file, text, says: 'is not as its contracts' },
    {
      file: module,
      text: await prettier.format(numbersText(kit, owner, messages, numbered), {
        ...config,
        parser: 'typescript',
      }),
      says: 'does not fit the .proto file',
    },
    {
      file: `${folder}/src/index.ts`,
      text: index.includes(IMPORT) ? index : IMPORT + index,
      says: "does not import './field-numbers'",
    },
  ];
  return { files, problems: [...new Set(broken)] };
}

/**
 * All messages of an owner, and the contract that each is of.
 * @param {ContractKit} kit
 * @param {Question[]} contracts
 */
function messagesOf(kit, contracts) {
  /** @type {Map<string, string>} */
  const contractsByPath = new Map();
  /** @type {ProtoMessage[]} */
  const messages = [];
  for (const contract of contracts)
    for (const message of kit.messagesOf(kit.protoCallOf(contract)).flatMap(kit.withNested)) {
      const other = contractsByPath.get(message.path);
      if (other)
        throw new Error(
          `${contract.name} and ${other} both have a message ${message.path} in protobuf; rename one, or its error`,
        );
      contractsByPath.set(message.path, contract.name);
      messages.push(message);
    }
  return {
    messages,
    /** @param {string} path */
    contractOf: (path) => contractsByPath.get(path) ?? '',
  };
}
