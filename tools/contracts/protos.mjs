// The .proto file of each owner that answers calls, and the module that tells the numbers of its
// fields at run time.
import fs from 'node:fs';
import prettier from 'prettier';
import { brokenSince, numbersOf, readProto } from './proto-numbers.mjs';
import { numbersText, protoText } from './proto-text.mjs';

/** @import { Call, ProtoMessage } from '../../libs/parley/contract/src/index.js' */
/** @import { ProtoBreak, Written } from './proto-numbers.mjs' */
/** @typedef {typeof import('../../libs/parley/contract/src/index.js')} ContractKit */

/**
 * @typedef {{ file: string, text: string, says: string }} GeneratedFile says: what is wrong when
 * the file is another
 */

const IMPORT = "import './field-numbers';\n";

/** @param {string} file */
const read = (file) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined);

/**
 * The files of an owner as they should be, and what its promises do not allow.
 * @param {ContractKit} kit
 * @param {string} owner
 * @param {string} folder
 * @param {Call[]} contracts
 * @param {(contract: string, field: string) => string | undefined} withdrawal how a break is
 * allowed; undefined when it is
 * @param {string} [base] the .proto file as the base has it
 */
export async function protoOf(kit, owner, folder, contracts, withdrawal, base) {
  const file = `${folder}/${owner}.proto`;
  const module = `${folder}/src/field-numbers.ts`;
  if (contracts.length === 0)
    return {
      files: [],
      problems: [file, module].filter(read).map((one) => `${one} is of an owner without calls; delete it`), // prettier-ignore
    };
  const { messages, contractOf } = messagesOf(kit, contracts);
  const home = kit.protoCallOf(/** @type {Call} */ (contracts[0])).package;
  /** @param {string} path @param {string} field */
  const allowed = (path, field) => withdrawal(contractOf(path), `${path}.${field}`);
  const numbered = numbersOf(messages, home, readProto(read(file) ?? ''), (path, field) => allowed(path, field) === undefined); // prettier-ignore
  const text = protoText(kit, owner, contracts, numbered);
  /** @param {ProtoBreak} one */
  const problem = ({ path, field, what }) => {
    const how = allowed(path, field);
    return how === undefined
      ? []
      : [`${file}, ${path}.${field}: ${what}; other programs read the old one. Give the field a new name, or restore it, ${how}.`]; // prettier-ignore
  };
  const since = base === undefined ? [] : brokenSince(readProto(base), readProto(text));
  const broken = [...numbered.breaks, ...since].flatMap(problem);
  const index = read(`${folder}/src/index.ts`) ?? '';
  const config = await prettier.resolveConfig(module);
  /** @type {GeneratedFile[]} */
  const files = [
    { file, text, says: 'is not as its contracts' },
    {
      file: module,
      text: await prettier.format(numbersText(kit, owner, messages, numbered), { ...config, parser: 'typescript' }), // prettier-ignore
      says: 'does not fit the .proto file',
    },
    {
      file: `${folder}/src/index.ts`,
      text: index.includes(IMPORT) ? index : IMPORT + index,
      says: "does not import './field-numbers'",
    },
  ];
  return {
    files: files.filter((one) => read(one.file) !== one.text),
    problems: [...new Set(broken)],
  };
}

/**
 * All messages of an owner, and the contract that each is of.
 * @param {ContractKit} kit
 * @param {Call[]} contracts
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
