// npm run lint: the documentation's links, the contracts' schemas, whether removals still fit, then one run of ESLint over the whole tree; one per project (nx affected -t lint)
// would load it thirty times.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { commandLine } from './command-line.mjs';

process.chdir(path.dirname(import.meta.dirname));

const HELP = `npm run lint [-- options]      links of the documentation, schemas of the contracts, the removals, then ESLint over the tree

  --fix      lets ESLint mend what it can
  --help`;

const { values } = commandLine(HELP, { options: { fix: { type: 'boolean' } } });
const run = (program, ...args) =>
  spawnSync(process.execPath, [program, ...args], {
    stdio: ['ignore', program.includes('nx') ? 'ignore' : 'inherit', 'inherit'],
  }).status;

const documentation = run('tools/check-docs.mjs');
const contracts = run('tools/contracts.mjs', '--check');
const removals = run('tools/removals.mjs', '--check');
const mutants = run('tools/mutants.mjs', '--check');
// The boundary rule reads Nx's project graph from its cache, and checks nothing when there is none.
const graph = run('node_modules/nx/dist/bin/nx.js', 'show', 'projects');
const code = graph || run('node_modules/eslint/bin/eslint.js', 'apps', 'libs', 'topology.ts', ...(values.fix ? ['--fix'] : []));
process.exitCode = documentation || contracts || removals || mutants || code;
