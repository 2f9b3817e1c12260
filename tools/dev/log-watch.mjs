// Shows the warnings and errors of the services, which log JSON lines into files, as one readable
// line each.
import fs from 'node:fs';
import { StringDecoder } from 'node:string_decoder';

/**
 * A line as the kit's logger writes it.
 * @typedef {object} LogEntry
 * @property {string} level
 * @property {string} time
 * @property {string} message
 * @property {{ message?: string }} [error]
 */

const WORTH_SHOWING = ['warn', 'error', 'fatal'];
const FAILURES = ['error', 'fatal'];
const PER_ROUND = 5; // a service in trouble says the same many times; the file has it all
const LONGEST = 220;

/**
 * @param {string} name
 * @param {string} line
 * @param {string[]} [levels]
 */
export function readable(name, line, levels = WORTH_SHOWING) {
  const entry = parse(line);
  if (!entry || !levels.includes(entry.level)) return undefined;
  const at = new Date(entry.time).toTimeString().slice(0, 8);
  const reason =
    entry.error?.message && !entry.message.includes(entry.error.message)
      ? `: ${entry.error.message}`
      : '';
  const text = `${entry.message}${reason}`.replaceAll(/\s+/g, ' ');
  return `${at} ${entry.level.padEnd(5)} ${name}  ${text}`.slice(0, LONGEST);
}

/**
 * @param {string} line
 * @returns {LogEntry | undefined}
 */
function parse(line) {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line); // as the kit's logger writes it: level, time, message, error
  } catch {
    return undefined;
  }
}

/** Follows one file from its present end. */
export class LogWatch {
  #decoder = new StringDecoder('utf8');
  /** @type {number} */
  #position;
  #rest = '';

  /**
   * @param {string} name
   * @param {string} file
   * @param {(line: string) => void} show
   */
  constructor(name, file, show) {
    this.name = name;
    this.file = file;
    this.show = show;
    this.#position = fs.existsSync(file) ? fs.statSync(file).size : 0;
  }

  poll() {
    const lines = this.#newLines();
    const sent = lines
      .filter((line) => /"level":"(warn|error|fatal)"/.test(line))
      .map((line) => readable(this.name, line) ?? '')
      .filter(Boolean);
    sent.slice(0, PER_ROUND).forEach((line) => this.show(line));
    if (sent.length > PER_ROUND)
      this.show(`         … and ${sent.length - PER_ROUND} more from ${this.name} in ${this.file}`);
  }

  #newLines() {
    const size = fs.existsSync(this.file) ? fs.statSync(this.file).size : 0;
    if (size <= this.#position) return [];
    const lines = (this.#rest + this.#read(size - this.#position)).split('\n');
    this.#rest = lines.pop() ?? '';
    return lines;
  }

  /** @param {number} length */
  #read(length) {
    const bytes = Buffer.alloc(length);
    const fd = fs.openSync(this.file, 'r');
    const read = fs.readSync(fd, bytes, 0, length, this.#position);
    fs.closeSync(fd);
    this.#position += read;
    return this.#decoder.write(bytes.subarray(0, read));
  }
}

/**
 * The end of a log in words, for a process that crashed: the sentence with which it refused to
 * start, if that is the last of it; else its last logged error, or what it last wrote plainly.
 * @param {string} file
 */
export function lastWords(file) {
  if (!fs.existsSync(file)) return '';
  const tail = fs.readFileSync(file, 'utf8').slice(-16_000).trim().split('\n');
  const end = tail.at(-1) ?? '';
  /** @param {string} line */
  const logged = (line) => readable('', line, FAILURES);
  /** @param {string} line */
  const thrown = (line) => /^(Uncaught )?\w*(Error|Exception)\b.*:/.test(line);
  /** @param {string} line */
  const plain = (line) => /^\w/.test(line) && !line.startsWith('Node.js v');
  if (plain(end)) return end;
  const last = tail.findLast((line) => logged(line) || thrown(line)) ?? tail.findLast(plain);
  return last ? (logged(last) ?? last.slice(0, LONGEST)) : '';
}
