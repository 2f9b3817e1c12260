// One Jest run over every project: the projects are wherever a project.json is, as for Nx.
const { readFileSync, readdirSync, existsSync } = require('node:fs');
const { join } = require('node:path');
const preset = require('./jest.preset.js');
const { patternsOf, specsIn } = require('./tools/test/jest-selection.cjs');

const FOLDERS = ['apps', 'libs/contracts', 'libs/parley', 'libs/parley/transports'];

const roots = FOLDERS.flatMap((folder) =>
  readdirSync(join(__dirname, folder)).map((name) => join(__dirname, folder, name)),
).filter((root) => existsSync(join(root, 'project.json')));

/**
 * @param {string} root
 * @returns {string}
 */
const nameOf = (root) => JSON.parse(readFileSync(join(root, 'project.json'), 'utf8')).name;
const { testMatch: _everySpec, ...shared } = preset;

/** `--selectProjects` needs projects to select from. */
function separately() {
  const patterns = patternsOf(process.argv, roots.map(nameOf));
  return {
    projects: roots.map((rootDir) => ({
      ...shared,
      ...specsIn(rootDir, patterns),
      rootDir,
      displayName: nameOf(rootDir),
    })),
  };
}

/**
 * Jest compiles each file once for each project that loads it, on disk and in the memory of each
 * worker: together they are one project.
 */
const together = () => ({ ...shared, roots, testMatch: ['**/src/**/*.spec.ts'] });

module.exports = {
  // Generous: a test waits for what happens, and a busy machine takes its time.
  testTimeout: 30_000,
  maxWorkers: 2,
  // What the files of a run leave in the heap of their worker adds up to gigabytes: between two
  // files it may be started anew.
  workerIdleMemoryLimit: '1.5GB',
  testSequencer: join(__dirname, 'tools/test/jest-sequencer.mjs'),
  reporters: [join(__dirname, 'tools/test/jest-reporter.cjs')],
  globalSetup: join(__dirname, 'tools/test/jest-setup.cjs'),
  globalTeardown: join(__dirname, 'tools/test/jest-teardown.cjs'),
  ...(process.argv.includes('--selectProjects') ? separately() : together()),
};
