// A copy of the sources for changes that nobody keeps: one text at a time is replaced, and specs
// run beside it.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
/** Files that specs of the kit need, beside node_modules. */
export const COPIED = [
  'libs',
  'tools',
  'jest.config.js',
  'jest.preset.js',
  'tsconfig.base.json',
  '.swcrc',
  'package.json',
  'topology.ts',
];

/**
 * @typedef {object} Change
 * @property {string} name
 * @property {string} file relative to the root
 * @property {string} text occurs once in the file
 * @property {string} instead
 */

/**
 * @param {string} source
 * @param {Change} change
 * @throws when the text does not occur exactly once
 */
export function changed(source, { name, file, text, instead }) {
  const found = source.split(text).length - 1;
  if (found !== 1)
    throw new Error(
      `"${name}" replaces a text that occurs ${found} times in ${file}: bring its list up to date`,
    );
  return source.replace(text, () => instead);
}

/**
 * @param {readonly Change[]} changes
 * @throws when one of them does not fit the sources any more
 */
export function checkChanges(changes) {
  for (const change of changes)
    changed(fs.readFileSync(path.join(root, change.file), 'utf8'), change);
}

export class ScratchCopy {
  constructor() {
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-scratch-'));
    for (const part of COPIED)
      fs.cpSync(path.join(root, part), path.join(this.folder, part), { recursive: true });
    fs.mkdirSync(path.join(this.folder, 'apps'));
    fs.symlinkSync(path.join(root, 'node_modules'), path.join(this.folder, 'node_modules'));
  }

  /**
   * Runs something while the change is made.
   * @template T
   * @param {Change} change
   * @param {() => T} run
   * @returns {T}
   */
  with(change, run) {
    const file = path.join(this.folder, change.file);
    const source = fs.readFileSync(file, 'utf8');
    fs.writeFileSync(file, changed(source, change));
    try {
      return run();
    } finally {
      fs.writeFileSync(file, source);
    }
  }

  remove() {
    fs.rmSync(this.folder, { recursive: true });
  }
}
