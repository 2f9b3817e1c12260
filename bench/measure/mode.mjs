// The parts of a mode of the bench.

/** @import { Running, ServerName } from './servers.mjs' */

/**
 * Figures of a contestant for one work of one round, by the names of FIGURES.
 * @typedef {Partial<Record<FigureName, number>>} Figures
 * @typedef {keyof typeof FIGURES} FigureName
 */

/**
 * @typedef {object} Work
 * @property {string} name
 * @property {string} what a line of the page
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
 * @property {string} [dist] of Parley: another build than the one of these sources
 */

/**
 * @typedef {object} Context
 * @property {string} dist the compiled kit
 * @property {string} node
 * @property {ReadonlyMap<ServerName, Running>} servers
 * @property {number} scale counts are multiplied with it
 * @property {(work: string) => boolean} wants
 */

/**
 * @typedef {object} Mode
 * @property {string} name
 * @property {string} what
 * @property {ServerName[]} servers
 * @property {Work[]} works
 * @property {Contestant[]} contestants those of Parley have names that begin with `parley`
 * @property {string} [limit] the contestant by hand, which all are compared with
 * @property {(contestant: Contestant, context: Context, round: number) => Promise<Record<string, Figures>>} measure
 * by work; rejects when the contestant did not do what it promises
 */

/** @param {number} value */
const whole = (value) => Math.round(value).toLocaleString('en-GB');
/** @param {number} value */
const seconds = (value) => value.toFixed(value < 0.1 ? 3 : 2);
/** @param {number} value */
const milliseconds = (value) => value.toFixed(value < 10 ? 2 : 0);

/** Every figure of a table: its column, and how it is written. */
export const FIGURES = {
  rate: { column: 'a second', write: whole },
  cpuNode: { column: 'CPU s a 1,000, Node', write: seconds },
  cpuCaller: { column: 'of it the caller', write: seconds },
  cpuServer: { column: 'server', write: seconds },
  p50: { column: 'p50, ms', write: milliseconds },
  p99: { column: 'p99, ms', write: milliseconds },
  commits: { column: 'commits', write: milliseconds },
  queries: { column: 'queries a second', write: milliseconds },
  cpuMinute: { column: 'CPU s a minute, Node', write: seconds },
  cpuMinuteServer: { column: 'CPU s a minute, server', write: seconds },
  startSeconds: { column: 'seconds', write: seconds },
  memory: { column: 'MiB', write: whole },
};
