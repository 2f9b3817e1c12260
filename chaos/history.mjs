// The record of a run: JSON lines in the order of events, written at once, so that nothing is lost
// if the run breaks off.
import fs from 'node:fs';

export class History {
  /** @type {number} */
  #file;

  /** @param {string} file */
  constructor(file) {
    this.#file = fs.openSync(file, 'a');
  }

  /** @param {object} entry with the fields of its sort (record.mjs) */
  add(entry) {
    fs.writeSync(this.#file, `${JSON.stringify({ at: Date.now(), ...entry })}\n`);
  }

  close() {
    fs.closeSync(this.#file);
  }
}

/**
 * @template T
 * @param {string} file
 * @returns {T[]}
 */
export const readHistory = (file) =>
  fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
