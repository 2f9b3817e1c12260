// The parts of a mode of the bench.

/** @import { Running, ServerName } from './servers.mjs' */

/**
 * Figures of a contestant for one work of one round, or one of its steps, by the names of FIGURES.
 * @typedef {Partial<Record<FigureName, number>>} Figures
 * @typedef {keyof typeof FIGURES} FigureName
 */

/**
 * @typedef {object} Work
 * @property {string} name
 * @property {string} what a line of the page
 * @property {string} [by] the heading of its steps: its figures have names as `waiting/1000`, and its table a line for
 * each step
 * @property {readonly number[]} [steps] if they are numbers
 * @property {FigureName[]} [shows] drawn over its steps
 */

/**
 * @typedef {object} Contestant
 * @property {string} name
 * @property {string} label
 * @property {string} file from bench/
 * @property {string} settings what the page says of its settings and promises
 * @property {string[]} [packages] of bench/package.json or the product, whose versions the page names
 * @property {Record<string, unknown>} [with] handed to its processes
 * @property {string[]} [without] works that it cannot do
 * @property {ServerName[]} [servers] beside the mode's; the last of all does its work
 * @property {boolean} [onlyWhenNamed] by `--only`
 * @property {string} [limit] what it is compared with, if not with the mode's
 * @property {string} [dist] of Parley: another build than the one of these sources
 * @property {string} [against] the commit whose shop it is, if not of these sources
 */

/**
 * @typedef {object} Context
 * @property {string} dist the compiled kit
 * @property {string} node
 * @property {ReadonlyMap<ServerName, Running>} servers
 * @property {number} scale counts are multiplied with it
 * @property {(work: string, step?: number) => boolean} wants
 */

/**
 * @typedef {object} Mode
 * @property {string} name
 * @property {string} what
 * @property {ServerName[]} servers
 * @property {Work[]} works
 * @property {Contestant[]} contestants those of Parley have names that begin with `parley`
 * @property {string} [limit] the contestant by hand, which all are compared with
 * @property {string} [compared] how the column of that is called, if it is not by hand
 * @property {boolean} [apart] each work has a section of its own on the page
 * @property {(contestants: readonly Contestant[]) => Promise<unknown>} [prepare] before the rounds
 * @property {() => Promise<unknown>} [finish] after them, also after a failure or a signal
 * @property {(contestant: Contestant, context: Context, round: number) => Promise<Record<string, Figures>>} measure
 * by work; rejects when the contestant did not do what it promises
 */

/** @param {number} value */
const whole = (value) => Math.round(value).toLocaleString('en-GB');
/** @param {number} value */
const rate = (value) => (value < 100 ? value.toFixed(1) : whole(value));
/** @param {number} value */
const seconds = (value) => value.toFixed(value < 0.1 ? 3 : 2);
/** @param {number} value */
const milliseconds = (value) => value.toFixed(value < 10 ? 2 : 0);

/** Every figure of a table: its column, and how it is written. */
export const FIGURES = {
  rate: { column: 'a second', write: rate },
  cpuNode: { column: 'CPU s a 1,000, Node', write: seconds },
  cpuCaller: { column: 'of it the caller', write: seconds },
  cpuServer: { column: 'server', write: seconds },
  p50: { column: 'p50, ms', write: milliseconds },
  p99: { column: 'p99, ms', write: milliseconds },
  commits: { column: 'commits', write: milliseconds },
  queries: { column: 'queries a second', write: milliseconds },
  cpuMinute: { column: 'CPU s a minute, Node', write: seconds },
  cpuMinuteServer: { column: 'CPU s a minute, server', write: seconds },
  startSeconds: { column: 'start, s', write: seconds },
  cpuSeconds: { column: 'CPU s', write: seconds },
  claimP50: { column: 'claim p50, ms', write: milliseconds },
  claimP99: { column: 'claim p99, ms', write: milliseconds },
  quietP99: { column: 'p99 without the hot lane, ms', write: milliseconds },
  longest: { column: 'last, ms', write: milliseconds },
  drainSeconds: { column: 'empty after, s', write: seconds },
  memory: { column: 'memory, MiB', write: whole },
  indexSize: { column: 'indexes, MiB', write: milliseconds },
};
