// npm run contracts: writes what the contracts promise to libs/contracts/<owner>/schemas/<contract>.v<version>.json, unless
// that would break the conversation without a new version.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { compile, isCurrent } from './build.mjs';
import { commandLine } from './command-line.mjs';
import { usersOf } from './contract-users.mjs';
import { topology } from './topology.mjs';

const root = path.dirname(import.meta.dirname);
process.chdir(root);
const require = createRequire(import.meta.url);
const HOME = 'libs/contracts';
const SCHEMA = /^libs\/contracts\/[a-z0-9-]+\/schemas\/([a-z0-9-]+\.[a-z0-9-]+)\.v(\d+)\.json$/;

const HELP = `npm run contracts [-- options]      writes the schemas of the contracts, unless that would break the conversation

  --check        writes nothing; fails when a schema is not as its contract (part of npm run lint)
  --base REV     compares with the schemas of that revision, such as origin/main, instead of those in the folder
  --help`;

const { values: options } = commandLine(HELP, { options: { check: { type: 'boolean' }, base: { type: 'string' } } });

const owners = fs.readdirSync(HOME).filter((owner) => fs.existsSync(path.join(HOME, owner, 'src/index.ts')));
const fileOf = ({ name, version }) => `${HOME}/${name.split('.')[0]}/schemas/${name}.v${version}.json`;
const textOf = (schema) => `${JSON.stringify(schema, null, 2)}\n`;

/** Only what contracts need: the rest of the tree need not compile for this. */
async function compileContracts() {
  const folders = ['libs/parley/contract/src', ...owners.map((owner) => `${HOME}/${owner}/src`)];
  const files = folders.flatMap((folder) => fs.readdirSync(folder).map((file) => `${folder}/${file}`));
  const stale = files.filter((file) => /(?<!\.spec|\.test-d)\.ts$/.test(file) && !isCurrent(file));
  await Promise.all(stale.map((file) => compile(file)));
}

const load = (library) => require(path.join(root, 'dist', library, 'src/index.js'));

/** Every contract, as a schema and under the name it is imported by. */
function promised({ schemaOf }) {
  return owners.flatMap((owner) =>
    Object.entries(load(`${HOME}/${owner}`))
      .filter(([, value]) => typeof value?.kind === 'string' && typeof value.owner === 'string' && value.payload)
      .map(([exported, contract]) => ({ exported, schema: schemaOf(contract) })),
  );
}

/** What was promised before, by contract: its schemas, newest first. */
function committed(base) {
  const git = (...args) => execFileSync('git', args, { encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'pipe'] });
  const files = base
    ? git('ls-tree', '-r', '--name-only', base, '--', HOME).split('\n')
    : owners.flatMap((owner) => list(`${HOME}/${owner}/schemas`));
  const found = new Map();
  for (const file of files.filter((one) => SCHEMA.test(one))) {
    const schema = JSON.parse(base ? git('show', `${base}:${file}`) : fs.readFileSync(file, 'utf8'));
    found.set(
      schema.name,
      [...(found.get(schema.name) ?? []), schema].sort((a, b) => b.version - a.version),
    );
  }
  return found;
}

const list = (folder) => (fs.existsSync(folder) ? fs.readdirSync(folder).map((file) => `${folder}/${file}`) : []);

const services = topology.map(({ name }) => name);
const andAll = (names) => (names.length ? names.join(', ') : 'no service');

/** Who must be asked: those who still have the old schema, or those whose messages are refused. */
function concerned({ exported, schema }, { breaks, field }) {
  const { said, handled } = usersOf({ name: schema.name, kind: schema.kind, exported }, services);
  const answer = /^(?:reply|errors)\b/.test(field); // goes the other way
  if (breaks === 'old messages')
    return `does not fit what ${andAll(answer ? handled : said)} said before; handled by ${andAll(answer ? said : handled)}`;
  return `not understood by ${andAll(answer ? said : handled)} before their next deployment`;
}

function broken({ breaksOf }, contract, before) {
  const { schema } = contract;
  const newest = before.get(schema.name)?.[0];
  if (!newest || schema.version > newest.version) return [];
  if (schema.version < newest.version) return [`${schema.name} is of version ${schema.version}, but version ${newest.version} was promised already`];
  return breaksOf(newest, schema).map(
    (one) =>
      `${schema.name} v${schema.version} (${schema.kind}), ${one.field}: ${one.what} [${one.breaks}] ${concerned(contract, one)}. Give it version ${schema.version + 1}, or a new name.`,
  );
}

/** Messages of older versions are stored as long as their schemas are here: the newest version must be able to read them. */
function unread({ unreadOf }, contract, before) {
  const { schema } = contract;
  const older = (before.get(schema.name) ?? []).filter(({ version }) => version < schema.version);
  return older.flatMap((old) =>
    unreadOf(old, schema).map(
      (one) =>
        `${schema.name} v${schema.version} (${schema.kind}), ${one.field}: ${one.what} since v${old.version} [${one.breaks}] ${concerned(contract, one)}. Give it upcasts: { ${old.version}: … }, or delete ${fileOf(old)} once nothing of it is stored.`,
    ),
  );
}

/** Promised before, and gone from the sources. */
function orphans(contracts, before) {
  const names = new Set(contracts.map(({ schema }) => schema.name));
  return [...before.keys()]
    .filter((name) => !names.has(name))
    .map(
      (name) =>
        `${name} is no contract any more, but its schemas are still there; delete ${HOME}/${name.split('.')[0]}/schemas/${name}.v*.json once nothing of it is stored`,
    );
}

const isWritten = (schema) => fs.existsSync(fileOf(schema)) && fs.readFileSync(fileOf(schema), 'utf8') === textOf(schema);

function write(contracts) {
  for (const { schema } of contracts) {
    fs.mkdirSync(path.dirname(fileOf(schema)), { recursive: true });
    fs.writeFileSync(fileOf(schema), textOf(schema));
  }
}

await compileContracts();
const rules = load('libs/parley/contract');
const contracts = promised(rules);
const here = committed();
const before = options.base ? committed(options.base) : here;
const problems = [...contracts.flatMap((contract) => [...broken(rules, contract, before), ...unread(rules, contract, here)]), ...orphans(contracts, here)];
const stale = contracts.filter(({ schema }) => !isWritten(schema));
if (options.check) problems.push(...stale.map(({ schema }) => `${fileOf(schema)} is not as its contract; run npm run contracts`));
else if (problems.length === 0) write(stale);
for (const problem of problems) console.error(problem);
const written = !options.check && problems.length === 0 ? `, ${stale.length} written` : '';
console.log(`${contracts.length} contracts${options.base ? ` against ${options.base}` : ''}, ${problems.length} problems${written}`);
process.exitCode = problems.length > 0 ? 1 : 0;
