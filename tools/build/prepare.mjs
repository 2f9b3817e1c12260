// Runs before `npm start` and `npm test`, on a machine that may have nothing yet: Node's built-ins
// only.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/** Major and minor version of Node. */
const NEEDS = /** @type {const} */ ([20, 19]);
const LOCK = 'package-lock.json';
const INSTALLED = 'node_modules/.package-lock.json'; // npm writes it as the last step of an installation

/** @param {string} sentence */
function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > NEEDS[0] || (major === NEEDS[0] && minor >= NEEDS[1])) return;
  fail(
    `Parley needs Node ${NEEDS.join('.')} or newer, and this is ${process.version}: install a newer one from https://nodejs.org.`,
  );
}

/** @typedef {Record<string, { version: string, optional?: boolean }>} LockedPackages */

/**
 * The lock inside node_modules lists what is there; a touched but equal lock (a fresh checkout)
 * needs no installation.
 */
function installedMatches() {
  const [wanted, present] = [packagesIn(LOCK), packagesIn(INSTALLED)];
  return Object.entries(wanted).every(([where, { version, optional }]) => {
    return where === '' || optional || present[where]?.version === version;
  });
}

/**
 * @param {string} lock
 * @returns {LockedPackages}
 */
const packagesIn = (lock) => JSON.parse(readFileSync(lock, 'utf8')).packages;

function whyInstall() {
  if (!existsSync(INSTALLED)) return 'The packages are not installed yet';
  if (statSync(INSTALLED).mtimeMs >= statSync(LOCK).mtimeMs || installedMatches()) return undefined;
  return 'The installed packages are older than package-lock.json';
}

/** @param {string} why */
function install(why) {
  console.log(`${why}: running npm ci (about a minute) …`);
  // Nothing installed here needs its install script; what PostgreSQL's would do,
  // tools/database/postgres.mjs does itself.
  const { status } = spawnSync(
    'npm',
    ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    {
      stdio: 'inherit',
      shell: process.platform === 'win32',
    },
  );
  if (status !== 0)
    fail('npm ci did not succeed: its message above says why. Check the network and try again.');
}

checkNode();
process.chdir(path.resolve(import.meta.dirname, '../..'));
const why = whyInstall();
if (why) install(why);
