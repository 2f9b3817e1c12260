// npm run lint: every check that runs nothing, one after the other. ESLint runs once over the whole
// tree: once per project (nx affected -t lint) it would be loaded thirty times.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { commandLine } from '../terminal/command-line.mjs';

process.chdir(path.resolve(import.meta.dirname, '../..'));

const HELP = `npm run lint [-- options]      format, links of the documentation, circles of imports, unused exports, packages of the kit, schemas of the contracts, dashboards and alerts, the chart, removals and mutants, then ESLint

  --fix      formats, and lets ESLint mend what it can
  --help`;

const { values } = commandLine(HELP, { options: { fix: { type: 'boolean' } } });
/**
 * @param {string} program
 * @param {...string} args
 */
const run = (program, ...args) =>
  spawnSync(process.execPath, [program, ...args], {
    stdio: ['ignore', program.includes('nx') ? 'ignore' : 'inherit', 'inherit'],
  }).status ?? 1; // null: ended by a signal

const format = run(
  'node_modules/prettier/bin/prettier.cjs',
  ...['.', values.fix ? '--write' : '--check', '--log-level', 'warn'],
  ...['--cache', '--cache-strategy', 'content', '--cache-location', '.data/format'],
);
const documentation = run('tools/build/check-docs.mjs');
const circles = run('tools/build/check-circles.mjs');
const unused = run('node_modules/knip/bin/knip.js', '--no-progress');
const packages = run('tools/build/check-packages.mjs');
const contracts = run('tools/contracts/contracts.mjs', '--check');
const dashboards = run('tools/observability/observability.mjs', '--check');
const chart = run('tools/chart/chart.mjs', '--check');
const removals = run('tools/test/removals.mjs', '--check');
const mutants = run('tools/test/mutants.mjs', '--check');
// The boundary rule reads Nx's project graph from its cache, and checks nothing when there is none.
const graph = run('node_modules/nx/dist/bin/nx.js', 'show', 'projects');
const code =
  graph || run('node_modules/eslint/bin/eslint.js', '.', ...(values.fix ? ['--fix'] : []));
process.exitCode =
  format ||
  documentation ||
  circles ||
  unused ||
  packages ||
  contracts ||
  dashboards ||
  chart ||
  removals ||
  mutants ||
  code;
