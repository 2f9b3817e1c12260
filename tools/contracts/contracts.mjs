// npm run contracts: writes what the contracts promise to
// libs/contracts/<owner>/schemas/<contract>.v<version>.json, and what their calls are in protobuf to
// libs/contracts/<owner>/<owner>.proto and as OpenAPI in libs/contracts/<owner>/openapi.json, unless
// that would break the conversation without a new version.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { compile, isCurrent } from '../build/build.mjs';
import { commandLine } from '../terminal/command-line.mjs';
import { messageOf } from '../terminal/errors.mjs';
import { usersOf } from './contract-users.mjs';
import { edgeBreaks, edgeDocuments, hasEdge } from './edge-documents.mjs';
import { protoOf } from './protos.mjs';
import { topology } from '../topology/topology.mjs';

/** @import { Break, ContractSchema } from '../../libs/parley/contract/src/index.js' */
/** @typedef {typeof import('../../libs/parley/contract/src/index.js')} ContractKit */

/**
 * A contract, and the name by which it is imported.
 * @typedef {{ exported: string, schema: ContractSchema }} Promised
 */

/**
 * The schemas of each contract by its name, newest first.
 * @typedef {Map<string, ContractSchema[]>} Schemas
 */

/**
 * Reasons by what was given up: `orders.quote-order.v1.deadline`, or the whole of a version.
 * @typedef {Map<string, string>} Withdrawn
 */

const root = path.resolve(import.meta.dirname, '../..');
process.chdir(root);
const require = createRequire(import.meta.url);
const HOME = 'libs/contracts';
const SCHEMA = /^libs\/contracts\/[a-z0-9-]+\/schemas\/([a-z0-9-]+\.[a-z0-9-]+)\.v(\d+)\.json$/;

const HELP = `npm run contracts [-- options]      writes the schemas and .proto files of the contracts, and OpenAPI and GraphQL of the edge, unless that would break the conversation

  --check        writes nothing; fails when a file is not as its contract (part of npm run lint)
  --base REV     compares with the schemas of that revision, such as origin/main, as well: what it promised cannot be deleted in silence

What is given up on purpose is said in libs/contracts/<owner>/withdrawn.json, by contract, version and field:
  { "orders.quote-order.v1.deadline": "nobody waits longer than the edge, which waits 1 s" }
  --help`;

const { values: options } = commandLine(HELP, {
  options: { check: { type: 'boolean' }, base: { type: 'string' } },
});

const owners = fs
  .readdirSync(HOME)
  .filter((owner) => fs.existsSync(path.join(HOME, owner, 'src/index.ts')));
/** @param {ContractSchema} schema */
const fileOf = ({ name, version }) =>
  `${HOME}/${name.split('.')[0]}/schemas/${name}.v${version}.json`;
/** @param {ContractSchema} schema */
const textOf = (schema) => `${JSON.stringify(schema, null, 2)}\n`;

/** Only what contracts need: the rest of the tree need not compile for this. */
async function compileContracts() {
  const folders = [
    'libs/parley/contract/src',
    'libs/parley/contract/src/protobuf',
    ...owners.map((owner) => `${HOME}/${owner}/src`),
  ];
  const stale = folders.flatMap(sourcesIn).filter((file) => !isCurrent(file));
  await Promise.all(stale.map((file) => compile(file)));
}

/** @param {string} folder */
const sourcesIn = (folder) =>
  list(folder).filter((file) => /(?<!\.spec|\.test-d|\.d)\.ts$/.test(file));

/** @param {string} file */
const load = (file) => require(path.join(root, 'dist', file.replace(/\.ts$/, '.js')));

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
function promised({ schemaOf }) {
  return owners.flatMap((owner) =>
    Object.entries(load(`${HOME}/${owner}/src/index.ts`)).flatMap(([exported, value]) =>
      isContract(value) ? [{ exported, schema: schemaOf(value) }] : [],
    ),
  );
}

/**
 * Defined in a library, but not to be had from it.
 * @param {ContractKit} kit
 * @param {Promised[]} contracts
 */
function hidden({ contractsLoaded }, contracts) {
  for (const owner of owners) for (const file of sourcesIn(`${HOME}/${owner}/src`)) load(file);
  const exported = new Set(contracts.map(({ schema }) => schema.name));
  return contractsLoaded()
    .filter(({ name }) => !exported.has(name))
    .map(
      ({ name, owner }) =>
        `${name} is defined, but ${HOME}/${owner}/src/index.ts does not export it: nobody can import it, and nobody looks after it`,
    );
}

/**
 * A contract that cannot be defined is told in its own words.
 * @param {unknown} error
 * @returns {never}
 */
function inOneSentence(error) {
  const isOurs = error instanceof Error && error.name === 'ContractError';
  console.error(`${isOurs ? '' : 'the contracts cannot be loaded: '}${messageOf(error)}`);
  process.exit(1);
}

/** @param {...string} args */
const git = (...args) =>
  execFileSync('git', args, {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'pipe'],
  });

/**
 * What was promised before, by contract: its schemas, newest first.
 * @param {string} [base]
 * @returns {Schemas}
 */
function committed(base) {
  const files = base
    ? git('ls-tree', '-r', '--name-only', base, '--', HOME).split('\n')
    : owners.flatMap((owner) => list(`${HOME}/${owner}/schemas`));
  const found = new Map();
  for (const file of files.filter((one) => SCHEMA.test(one))) {
    const schema = JSON.parse(
      base ? git('show', `${base}:${file}`) : fs.readFileSync(file, 'utf8'),
    );
    found.set(
      schema.name,
      [...(found.get(schema.name) ?? []), schema].sort((a, b) => b.version - a.version),
    );
  }
  return found;
}

/** @param {string} folder */
const list = (folder) =>
  fs.existsSync(folder) ? fs.readdirSync(folder).map((file) => `${folder}/${file}`) : [];

/**
 * What the base promised stays promised when its files are deleted.
 * @param {Schemas} base
 * @param {Schemas} folder
 * @returns {Schemas}
 */
function together(base, folder) {
  const names = [...new Set([...base.keys(), ...folder.keys()])];
  return new Map(
    names.map((name) => {
      const byVersion = new Map(
        [...(folder.get(name) ?? []), ...(base.get(name) ?? [])].map((schema) => [
          schema.version,
          schema,
        ]),
      );
      return [name, [...byVersion.values()].sort((a, b) => b.version - a.version)];
    }),
  );
}

/** @param {ContractSchema} schema */
const ownerOf = ({ name }) => name.slice(0, name.indexOf('.'));

/** @param {string} owner */
const withdrawnIn = (owner) => `${HOME}/${owner}/withdrawn.json`;

/**
 * What was given up on purpose, and why: `orders.quote-order.v1.deadline`, or the whole of a
 * version.
 */
function readWithdrawn() {
  const files = list(HOME).map((folder) => `${folder}/withdrawn.json`).filter((file) => fs.existsSync(file)); // prettier-ignore
  return new Map(files.flatMap((file) => Object.entries(reasonsIn(file))));
}

/**
 * @param {string} file
 * @returns {Record<string, string>}
 */
function reasonsIn(file) {
  const reasons = JSON.parse(fs.readFileSync(file, 'utf8'));
  const unfit = Object.entries(reasons).find(
    ([, why]) => typeof why !== 'string' || why.trim().length < 10,
  );
  if (unfit) throw new Error(`${file}: ${unfit[0]} needs a sentence that says why`);
  return reasons;
}

const services = topology.map(({ name }) => name);
/** @param {string[]} names */
const andAll = (names) => (names.length ? names.join(', ') : 'no service');

/**
 * Who must be asked: those who still have the old schema, or those whose messages are refused.
 * @param {Promised} contract
 * @param {Break} broken
 */
function concerned({ exported, schema }, { breaks, field }) {
  const { sent: said, handled } = usersOf(
    { name: schema.name, kind: schema.kind, exported },
    services,
  );
  const answer = /^(?:reply|errors|deadline|idempotent)\b/.test(field); // concerns those who ask
  if (breaks === 'old messages')
    return `does not fit what ${andAll(answer ? handled : said)} said before; handled by ${andAll(answer ? said : handled)}`;
  return `not understood by ${andAll(answer ? said : handled)} before their next deployment`;
}

/**
 * @param {ContractSchema} schema
 * @param {string} [field]
 */
const promiseOf = ({ name, version }, field) => `${name}.v${version}${field ? `.${field}` : ''}`;
/**
 * @param {Withdrawn} withdrawn
 * @param {ContractSchema} schema
 * @param {string} field
 */
const isWithdrawn = (withdrawn, schema, field) =>
  withdrawn.has(promiseOf(schema)) || withdrawn.has(promiseOf(schema, field));
/**
 * @param {ContractSchema} schema
 * @param {string} [field]
 */
const orSayWhy = (schema, field) =>
  `or say why in ${withdrawnIn(ownerOf(schema))}, as "${promiseOf(schema, field)}"`;

/**
 * Calls are not stored, so no version of theirs is read by an upcast: what breaks one needs a new
 * name.
 * @param {ContractKit} kit
 * @param {Promised} contract
 * @param {Schemas} before
 * @param {Withdrawn} withdrawn
 */
function broken({ breaksOf }, contract, before, withdrawn) {
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
function unread({ unreadOf }, contract, before, withdrawn) {
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
 * @param {string | undefined} base
 */
function orphans(contracts, before, withdrawn, base) {
  const names = new Set(contracts.map(({ schema }) => schema.name));
  const gone = [...before.values()]
    .flat()
    .filter((schema) => !names.has(schema.name) && !withdrawn.has(promiseOf(schema)));
  if (gone.length === 0) return [];
  return withSourcesOf(base, (sources) =>
    gone.map((schema) => {
      const { sent: said, handled } = usersOf(
        { ...schema, exported: exportedIn(sources, schema) },
        services,
        sources,
      );
      return `${schema.name} v${schema.version} (${schema.kind}) was promised and is gone: said by ${andAll(said)}, handled by ${andAll(handled)}. Keep it until nothing of it is stored or asked for, ${orSayWhy(schema)}.`;
    }),
  );
}

/**
 * Of what was withdrawn no schema is kept.
 * @param {Promised[]} contracts
 * @param {Schemas} here
 * @param {Withdrawn} withdrawn
 */
const leftovers = (contracts, here, withdrawn) =>
  [...here.values()]
    .flat()
    .filter(
      (schema) =>
        withdrawn.has(promiseOf(schema)) &&
        !contracts.some((one) => promiseOf(one.schema) === promiseOf(schema)),
    )
    .map(
      (schema) =>
        `${fileOf(schema)} is of a contract that ${withdrawnIn(ownerOf(schema))} withdraws; delete it`,
    );

/**
 * The sources in which a contract was that is gone: those of the base, else the present ones.
 * @template T
 * @param {string | undefined} base
 * @param {(folder: string) => T} work
 * @returns {T}
 */
function withSourcesOf(base, work) {
  if (!base) return work('.');
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-contracts-'));
  try {
    const archive = path.join(folder, 'base.tar');
    execFileSync('git', ['archive', '--format=tar', '-o', archive, base, 'apps', HOME]);
    execFileSync('tar', ['-xf', archive, '-C', folder]);
    return work(folder);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
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

/** @param {ContractSchema} schema */
const isWritten = (schema) =>
  fs.existsSync(fileOf(schema)) && fs.readFileSync(fileOf(schema), 'utf8') === textOf(schema);

/** @param {import('./protos.mjs').GeneratedFile[]} files */
function write(files) {
  for (const { file, text } of files) {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  }
}

/**
 * The .proto files that are to be written, and what stands against it.
 * @param {ContractKit} kit
 * @param {Withdrawn} withdrawn
 */
async function protos(kit, withdrawn) {
  const calls = kit.contractsLoaded().filter(isCall);
  const all = await Promise.all(
    owners.map((owner) => {
      const folder = `${HOME}/${owner}`;
      const own = calls.filter((one) => one.owner === owner).sort(byName);
      /** @param {string} name @param {string} field */
      const withdrawal = (name, field) => {
        const schema = kit.schemaOf(kit.contractNamed(name));
        return isWithdrawn(withdrawn, schema, field) ? undefined : orSayWhy(schema, field);
      };
      return protoOf(kit, owner, folder, own, withdrawal, inBase(`${folder}/${owner}.proto`));
    }),
  );
  return {
    files: all.flatMap(({ files }) => files),
    problems: all.flatMap(({ problems }) => problems),
  };
}

/**
 * @param {import('../../libs/parley/contract/src/index.js').Contract} contract
 * @returns {contract is import('../../libs/parley/contract/src/index.js').Call}
 */
const isCall = (contract) => contract.kind === 'call';

/** @param {{ name: string }} a @param {{ name: string }} b */
const byName = (a, b) => (a.name < b.name ? -1 : 1);

/** A file as the base has it. @param {string} file */
function inBase(file) {
  if (!options.base) return undefined;
  const isThere = git('ls-tree', '--name-only', options.base, '--', file).trim() !== '';
  return isThere ? git('show', `${options.base}:${file}`) : undefined;
}

/**
 * OpenAPI and GraphQL of the edge: the files to be written, and clients that a change would break.
 * @param {ContractKit} kit
 */
async function edgeFiles(kit) {
  if (!hasEdge()) return { files: [], problems: [] };
  const documents = await edgeDocuments();
  /** @param {string} file */
  const here = (file) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined);
  const files = Object.entries(documents)
    .filter(([file, text]) => here(file) !== text)
    .map(([file, text]) => ({ file, text, says: 'is not as the edge is' }));
  return { files, problems: edgeBreaks(kit, documents, options.base ? inBase : here) };
}

/**
 * The OpenAPI documents that are to be written. They say what the schemas say: a change that would
 * break one breaks a schema.
 * @param {ContractKit} kit
 * @param {Promised[]} contracts
 */
function openApis({ openApiOf }, contracts) {
  return owners.flatMap((owner) => {
    const own = contracts.map(({ schema }) => schema).filter((schema) => ownerOf(schema) === owner);
    if (!own.some(({ kind }) => kind === 'call')) return [];
    const file = `${HOME}/${owner}/openapi.json`;
    const text = `${JSON.stringify(openApiOf(owner, own), null, 2)}\n`;
    const isWritten = fs.existsSync(file) && fs.readFileSync(file, 'utf8') === text;
    return isWritten ? [] : [{ file, text, says: 'is not as its contracts' }];
  });
}

async function judged() {
  await compileContracts();
  const rules = load('libs/parley/contract/src/index.ts');
  const contracts = promised(rules);
  const here = committed();
  const before = options.base ? committed(options.base) : here;
  const all = together(before, here);
  const withdrawn = readWithdrawn();
  const problems = [
    ...contracts.flatMap((contract) => [
      ...broken(rules, contract, before, withdrawn),
      ...unread(rules, contract, all, withdrawn),
    ]),
    ...orphans(contracts, all, withdrawn, options.base),
    ...leftovers(contracts, here, withdrawn),
    ...hidden(rules, contracts),
  ];
  const schemas = contracts
    .filter(({ schema }) => !isWritten(schema))
    .map(({ schema }) => ({
      file: fileOf(schema),
      text: textOf(schema),
      says: 'is not as its contract',
    }));
  const made = await protos(rules, withdrawn);
  const edge = await edgeFiles(rules);
  return {
    contracts,
    problems: [...problems, ...made.problems, ...edge.problems],
    stale: [...schemas, ...made.files, ...edge.files, ...openApis(rules, contracts)],
  };
}

const { contracts, problems, stale } = await judged().catch(inOneSentence);
if (options.check)
  problems.push(...stale.map(({ file, says }) => `${file} ${says}; run npm run contracts`));
else if (problems.length === 0) write(stale);
for (const problem of problems) console.error(problem);
const written = !options.check && problems.length === 0 ? `, ${stale.length} written` : '';
console.log(
  `${contracts.length} contracts${options.base ? ` against ${options.base}` : ''}, ${problems.length} problems${written}`,
);
process.exitCode = problems.length > 0 ? 1 : 0;
