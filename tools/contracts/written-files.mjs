// Files that npm run contracts writes: as they are in this tree, and in a base.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Mistake } from '../terminal/errors.mjs';

/**
 * A file as it should be; `says` continues its name in a sentence when it is another.
 * @typedef {{ file: string, text: string, says: string }} GeneratedFile
 */

/** @param {string} file */
export const readIfThere = (file) =>
  fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined;

/** @param {GeneratedFile} file */
export const isStale = ({ file, text }) => readIfThere(file) !== text;

/** @param {readonly GeneratedFile[]} files */
export function write(files) {
  for (const { file, text } of files) {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  }
}

/** @param {...string} args */
const git = (...args) =>
  execFileSync('git', args, {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'pipe'],
  });

/**
 * @param {string} base
 * @throws Mistake when it is no revision of this repository
 */
export function checkBase(base) {
  try {
    git('rev-parse', '--verify', '--quiet', `${base}^{commit}`);
  } catch {
    throw new Mistake(`--base ${base}: there is no such revision here; fetch it, or name another`);
  }
}

/**
 * @param {string} base a revision
 * @param {string} folder
 */
export const listInBase = (base, folder) =>
  git('ls-tree', '-r', '--name-only', base, '--', folder).split('\n');

/**
 * @param {string} base a revision
 * @param {string} file must be there
 */
export const showInBase = (base, file) => git('show', `${base}:${file}`);

/**
 * @param {string} base a revision
 * @param {string} file
 */
export const readInBase = (base, file) =>
  listInBase(base, file).includes(file) ? showInBase(base, file) : undefined;

/**
 * Does the work in a folder that holds these parts of the base, which is removed afterwards.
 * @template T
 * @param {string} base a revision
 * @param {readonly string[]} parts
 * @param {(folder: string) => T} work
 * @returns {T}
 */
export function inCopyOfBase(base, parts, work) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-contracts-'));
  try {
    const archive = path.join(folder, 'base.tar');
    execFileSync('git', ['archive', '--format=tar', '-o', archive, base, ...parts]);
    execFileSync('tar', ['-xf', archive, '-C', folder]);
    return work(folder);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
