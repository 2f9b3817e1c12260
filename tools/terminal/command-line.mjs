// The words typed after a command, and the ports named in its environment: `--help` prints its text,
// a mistake is told in one sentence and exits with 2.
import { parseArgs } from 'node:util';
import { messageOf } from './errors.mjs';

/** @typedef {import('node:util').ParseArgsConfig} ParseArgsConfig */

/**
 * @template {ParseArgsConfig} T
 * @param {string} help what `--help` prints
 * @param {T} config as of parseArgs; without `allowPositionals` a word that is no option is a
 * mistake
 * @returns values and positionals
 */
export function commandLine(help, config) {
  if (!asksForHelp(config)) return parsed(help, config);
  console.log(help);
  process.exit(0);
}

/** @param {ParseArgsConfig} config */
function asksForHelp({ args, options }) {
  const help = /** @type {const} */ ({ type: 'boolean', short: 'h' });
  return parseArgs({ args, options: { ...options, help }, allowPositionals: true, strict: false })
    .values.help;
}

/**
 * @template {ParseArgsConfig} T
 * @param {string} help
 * @param {T} config
 */
function parsed(help, config) {
  try {
    return parseArgs(config);
  } catch (error) {
    console.error(`${messageOf(error).split('. ')[0]?.replace(/\.$/, '')}.\n\n${help}`);
    process.exit(2);
  }
}

/**
 * A whole number from `least`; anything else is a mistake.
 * @param {string} name
 * @param {string} text
 * @param {number} [least]
 */
export function wholeNumber(name, text, least = 0) {
  if (/^\d{1,9}$/.test(text) && Number(text) >= least) return Number(text);
  console.error(`--${name} ${text}: a whole number from ${least} is needed.`);
  process.exit(2);
}

/** The highest port there is. */
const LAST_PORT = 65_535;

/**
 * The port that a variable of the environment names; anything else is a mistake.
 * @param {string} variable
 * @param {number} fallback where the variable is not set, or empty
 * @param {number} [above] ports of the same program that lie above it, as a distance
 */
export function portOf(variable, fallback, above = 0) {
  const text = process.env[variable] || String(fallback);
  const last = LAST_PORT - above;
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= last) return Number(text);
  console.error(`${variable}=${text}: a port is needed, a whole number from 1 to ${last}.`);
  process.exit(2);
}
