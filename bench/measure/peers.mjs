// The packages that the bench measures beside Parley: bench/package.json has them, the product does
// not. They are installed when a contestant first needs one.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Mistake } from '../../tools/terminal/errors.mjs';

const BENCH = path.dirname(import.meta.dirname);
const LOCK = path.join(BENCH, 'package-lock.json');
/** Written by npm as the last step of an installation. */
const INSTALLED = path.join(BENCH, 'node_modules/.package-lock.json');

/** @param {string} folder */
const dependenciesOf = (folder) =>
  JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')).dependencies;

/**
 * Installs them, if one of these is not the product's anyway, and they are not there as locked.
 * @param {readonly string[]} needed
 */
export function installPeers(needed) {
  const own = dependenciesOf(path.dirname(BENCH));
  if (needed.every((name) => name in own)) return;
  if (fs.existsSync(INSTALLED) && fs.statSync(INSTALLED).mtimeMs >= fs.statSync(LOCK).mtimeMs)
    return;
  console.error('the packages of the other contestants are being installed …');
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--loglevel=error'], {
    cwd: BENCH,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new Mistake('npm ci in bench/ did not succeed: its message says why.');
}

/**
 * A package that may not be installed, and so has no types here.
 * @param {string} name
 * @returns {Promise<any>}
 */
export const peer = (name) => import(name);

/**
 * The version of a package as it is installed, and the Node that it asks for.
 * @param {string} name
 * @returns {{ version: string, needs: string | undefined } | undefined}
 */
export function installedPeer(name) {
  const file = [BENCH, path.dirname(BENCH)]
    .map((folder) => path.join(folder, 'node_modules', name, 'package.json'))
    .find((one) => fs.existsSync(one));
  if (!file) return undefined;
  const { version, engines } = JSON.parse(fs.readFileSync(file, 'utf8'));
  return { version, needs: engines?.node };
}

/**
 * The Node that runs the contestants: the pinned one, which all of them support, else this one.
 * @param {string} [given]
 */
export function nodeOf(given) {
  const pinned = path.join(BENCH, `node_modules/node-${process.platform}-${process.arch}/bin/node`);
  return given ?? (fs.existsSync(pinned) ? pinned : process.execPath);
}

/**
 * True when a version of Node is in a range as packages write them: `>=22.18.0`, `>= 22.x.x`, or
 * several of these with `||`.
 * @param {string} version
 * @param {string | undefined} range
 */
export function allows(version, range) {
  if (!range) return true;
  const here = numbers(version);
  return range.split('||').some((part) => {
    const [least, isWhole] = [numbers(part), !part.includes('>')];
    const at = here.findIndex((number, index) => number !== least[index]);
    if (isWhole) return here[0] === least[0];
    return at === -1 || (here[at] ?? 0) > (least[at] ?? 0);
  });
}

/** @param {string} text */
const numbers = (text) => {
  const found = /(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(text) ?? [];
  return [found[1], found[2], found[3]].map((number) => Number(number ?? 0));
};
