// What compose.yaml takes from docker/.env, and how its text is written.
import { passwordVariable } from '../database/database.mjs';

/** @param {string} variable */
export const required = (variable) =>
  `\${${variable}:?is in docker/.env, which npm run compose makes}`;

/**
 * @param {string} variable
 * @param {string | number} [otherwise]
 */
export const optional = (variable, otherwise = '') => `\${${variable}:-${otherwise}}`;

/** @param {string} role of the database or of a broker */
export const passwordOf = (role) => required(passwordVariable(role));

/**
 * @param {string} user
 * @param {string} [role] whose password it is; default: the user
 */
export const databaseUrl = (user, role = user) =>
  `postgres://${user}:${passwordOf(role)}@postgres:5432/parley`;

/**
 * @param {string[]} lines
 * @param {number} by
 */
export const indented = (lines, by) => lines.map((line) => `${' '.repeat(by)}${line}`).join('\n');

/** What the tag of an image of this repository is. */
export const BUILD = optional('PARLEY_BUILD', 'development');
