// npm run fuzz: schemathesis makes requests from the OpenAPI and GraphQL documents of the running
// shop, and looks for answers that are not documented and for bugs, for processes that end and for
// memory that grows.
import { spawn, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { commandLine } from '../terminal/command-line.mjs';
import { table } from '../terminal/progress.mjs';
import { NO_GATEWAY, NOT_RUNNING, readRun } from '../dev/run-file.mjs';
import { readJson } from './http-json.mjs';
import { isFlat, quartersOf, watchMemory } from './memory-watch.mjs';

process.chdir(path.resolve(import.meta.dirname, '../..'));

const HELP = `npm run fuzz [-- options]      sends requests made from OpenAPI and GraphQL to the running shop (npm start), by schemathesis, which it installs into .data (Python 3.10 or newer)

  --minutes N   for each of the two documents (default 3)
  --seed N      the same requests again (default: a new one, printed)
  --url URL     another edge, whose processes are not seen
  --help

  Exit code 1: a 500, a status that is not documented, a process of the shop that ended, or memory that is not flat.`;

const { values: options } = commandLine(HELP, {
  options: { minutes: { type: 'string' }, seed: { type: 'string' }, url: { type: 'string' } },
});

const VERSION = '4.32.5';
const FOLDER = '.data/fuzz';
const ST = `${FOLDER}/bin/st`;
const SETTINGS = path.resolve('tools/shop/fuzz');
const CHECKS =
  'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance';
/**
 * Marks of a bug. Schemathesis calls every GraphQL error a server error; here errors have a code,
 * and `internal` is that of a bug.
 */
const BUG = /\[5\d\d\]|"code":\s*"internal"/;

/** @param {string} sentence @returns {never} */
function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

/** @param {string} program @param {string[]} args */
function install(program, ...args) {
  const { status } = spawnSync(program, args, { stdio: 'inherit' });
  if (status !== 0) fail(`schemathesis cannot be installed: ${program} ${args.join(' ')} failed`);
}

const run = options.url ? undefined : (readRun() ?? fail(NOT_RUNNING));
const url = options.url ?? run?.gatewayUrl ?? fail(NO_GATEWAY);
const seconds = Math.round(Number(options.minutes ?? 3) * 60);
if (!(seconds > 0)) fail('--minutes must be a number above 0');
const seed = options.seed ?? String(randomInt(2 ** 31));

if (!fs.existsSync(ST)) {
  fs.mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
  install('python3', '-m', 'venv', FOLDER);
  install(`${FOLDER}/bin/pip`, 'install', '-q', `schemathesis==${VERSION}`);
}

/** @param {string[]} args */
async function schemathesis(...args) {
  const common = [
    '--seed',
    seed,
    '--max-time',
    String(seconds),
    '--no-color',
    '--continue-on-failure',
    '--generation-database',
    'none',
    '--suppress-health-check',
    'all',
  ];
  const timeout = (seconds * 3 + 120) * 1000;
  const words = [
    '--config-file',
    path.join(SETTINGS, 'schemathesis.toml'),
    'run',
    ...args,
    ...common,
  ];
  const child = spawn(path.resolve(ST), words, {
    cwd: FOLDER,
    timeout,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      PYTHONPATH: SETTINGS,
      PYTHONDONTWRITEBYTECODE: '1',
      SCHEMATHESIS_HOOKS: 'known_products',
      FUZZ_SKUS: skus.join(','),
    },
  });
  const [stdout, [status]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  console.log(stdout);
  return { status, stdout };
}

/** @param {ReturnType<ReturnType<typeof watchMemory>['stop']>} watched */
function isStable({ seen, ended }) {
  const header = ['MiB resident', 'begin', 'quarter 1', '2', '3', '4: least', 'most', 'flat'];
  const rows = seen.map(({ name, mib }) => [
    name,
    ...[mib[0] ?? 0, ...quartersOf(mib), Math.max(...mib)].map((one) => one.toFixed(0)),
    isFlat(mib) ? 'yes' : 'no',
  ]);
  console.log(table(header, rows));
  if (ended.length > 0) console.log(`ended meanwhile: ${ended.join(', ')}`);
  return ended.length === 0 && seen.every(({ mib }) => isFlat(mib));
}

/** @type {string[]} */
const skus = (await readJson(`${url}/products`)).products.map(
  (/** @type {{ sku: string }} */ { sku }) => sku,
);
console.log(`seed ${seed}, ${seconds} s for each document, at ${url}`);
const memory = run && watchMemory(run);
// without `/orders/{id}/events`, a stream that does not end by itself
const rest = await schemathesis(
  `${url}/openapi.json`,
  '--checks',
  CHECKS,
  '--exclude-path-regex',
  'events',
);
const graphql = await schemathesis(`${url}/graphql`);
const isShopWell = memory === undefined || isStable(memory.stop());
const wasEmpty = /No test cases were generated/.test(rest.stdout + graphql.stdout);
const isRestWell = rest.status === 0 && !wasEmpty;
const isGraphqlWell =
  [0, 1].includes(graphql.status ?? -1) && !BUG.test(graphql.stdout) && !wasEmpty;
console.log(
  `REST: ${isRestWell ? 'well' : 'see above'}; GraphQL: ${isGraphqlWell ? 'well (errors with a code are answers)' : 'see above'}; processes: ${isShopWell ? 'well' : 'see above'}`,
);
process.exitCode = isRestWell && isGraphqlWell && isShopWell ? 0 : 1;
