// npm run fuzz: schemathesis makes requests from the OpenAPI and GraphQL documents of the running
// shop, and looks for answers that are not documented and for bugs.
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { commandLine } from '../terminal/command-line.mjs';
import { NO_GATEWAY, NOT_RUNNING, readRun } from '../dev/run-file.mjs';

process.chdir(path.resolve(import.meta.dirname, '../..'));

const HELP = `npm run fuzz [-- options]      sends requests made from OpenAPI and GraphQL to the running shop (npm start), by schemathesis, which it installs into .data (Python 3.10 or newer)

  --minutes N   for each of the two documents (default 3)
  --seed N      the same requests again (default: a new one, printed)
  --url URL     another edge
  --help`;

const { values: options } = commandLine(HELP, {
  options: { minutes: { type: 'string' }, seed: { type: 'string' }, url: { type: 'string' } },
});

const VERSION = '4.32.5';
const FOLDER = '.data/fuzz';
const ST = `${FOLDER}/bin/st`;
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
  install('python3', '-m', 'venv', FOLDER);
  install(`${FOLDER}/bin/pip`, 'install', '-q', `schemathesis==${VERSION}`);
}

/** @param {string[]} args */
function schemathesis(...args) {
  const common = ['--seed', seed, '--max-time', String(seconds), '--no-color', '--continue-on-failure', '--generation-database', 'none', '--suppress-health-check', 'all']; // prettier-ignore
  const timeout = (seconds * 3 + 120) * 1000;
  const { status, stdout } = spawnSync(path.resolve(ST), ['run', ...args, ...common], { cwd: FOLDER, encoding: 'utf8', timeout, maxBuffer: 1 << 28 }); // prettier-ignore
  console.log(stdout);
  return { status, stdout };
}

console.log(`seed ${seed}, ${seconds} s for each document, at ${url}`);
// without `/orders/{id}/events`, a stream that does not end by itself
const rest = schemathesis(`${url}/openapi.json`, '--checks', CHECKS, '--exclude-path-regex', 'events'); // prettier-ignore
const graphql = schemathesis(`${url}/graphql`);
const wasEmpty = /No test cases were generated/.test(rest.stdout + graphql.stdout);
const isRestWell = rest.status === 0 && !wasEmpty;
const isGraphqlWell =
  [0, 1].includes(graphql.status ?? -1) && !BUG.test(graphql.stdout) && !wasEmpty;
console.log(`REST: ${isRestWell ? 'well' : 'see above'}; GraphQL: ${isGraphqlWell ? 'well (errors with a code are answers)' : 'see above'}`); // prettier-ignore
process.exitCode = isRestWell && isGraphqlWell ? 0 : 1;
