// Tools of the clients, installed where this can be done without the system: grpcurl by Go, the
// packages of npm and of PyPI.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { chromiumHere } from '../console/browser.mjs';
import { messageOf, Mistake } from '../terminal/errors.mjs';

const HERE = import.meta.dirname;
const ROOT = path.resolve(HERE, '../..');
const REQUIREMENTS = path.join(ROOT, 'libs/parley/conformance/src/interop/grpc-requirements.txt');

export const GRPCURL = path.join(ROOT, '.data/grpcurl/grpcurl');

/**
 * @param {string} program
 * @param {string[]} args
 * @param {string} [cwd]
 */
const succeeds = (program, args, cwd) =>
  spawnSync(program, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;

/** @param {string} program */
const isHere = (program) =>
  spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;

/** Written by npm as the last step of an installation, with what is installed. */
const areInstalled = () => {
  const [locked, installed] = ['package-lock.json', 'node_modules/.package-lock.json'].map((name) =>
    path.join(HERE, name),
  );
  const mtime = (/** @type {string} */ file) =>
    fs.existsSync(file) ? fs.statSync(file).mtimeMs : 0;
  return mtime(installed ?? '') >= mtime(locked ?? '') && fs.existsSync(installed ?? '');
};

/**
 * The folder of Python's clients, named after its contents.
 * @returns {string}
 */
export function pythonLibraries() {
  const hash = createHash('sha256').update(fs.readFileSync(REQUIREMENTS)).digest('hex');
  return path.join(ROOT, '.data/python', `clients-${hash.slice(0, 16)}`);
}

function installPython() {
  const folder = pythonLibraries();
  if (fs.existsSync(folder)) return true;
  const unfinished = `${folder}.${process.pid}`;
  const words = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--root-user-action=ignore',
    '--target',
    unfinished,
    '-r',
    REQUIREMENTS,
  ];
  const isDone = succeeds('python3', words);
  if (isDone) fs.renameSync(unfinished, folder);
  fs.rmSync(unfinished, { recursive: true, force: true });
  return isDone;
}

/**
 * Installs what is missing.
 * @throws {Mistake} that names everything that cannot be had
 */
export function install() {
  /** @type {string[]} */
  const missing = [];
  if (!isHere('curl')) missing.push('curl: apt-get install curl');
  if (!areInstalled() && !succeeds('npm', ['ci', '--ignore-scripts', '--loglevel=error'], HERE))
    missing.push('the packages of tools/clients: npm ci there failed');
  if (!fs.existsSync(GRPCURL) && !succeeds(process.execPath, [path.join(HERE, 'grpcurl.mjs')]))
    missing.push('grpcurl: needs Go, https://go.dev/dl');
  if (!isHere('python3')) missing.push('python3: apt-get install python3 python3-pip');
  else if (!installPython()) missing.push('the clients of Python: pip failed');
  try {
    chromiumHere();
  } catch (error) {
    missing.push(messageOf(error));
  }
  if (missing.length > 0)
    throw new Mistake(['Some clients cannot be tried:', ...missing].join('\n  '));
}

/**
 * A package of tools/clients, which may not be installed and so has no types here.
 * @param {string} name
 * @returns {Promise<any>}
 */
export const peer = (name) => import(name);
