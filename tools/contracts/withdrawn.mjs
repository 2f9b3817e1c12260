// Promises that were given up on purpose, and why: withdrawn.json of an owner, or of the edge.
import fs from 'node:fs';
import { messageOf, Mistake } from '../terminal/errors.mjs';
import { HOME, list, ownerOf } from './contract-sources.mjs';

/** @import { ContractSchema } from '../../libs/parley/contract/src/index.js' */

/**
 * Reasons by promise: `orders.quote-order.v1.deadline`, or the whole of a version.
 * @typedef {Map<string, string>} Withdrawn
 */

/** Characters of the shortest reason. */
const SHORTEST_REASON = 10;

/** @param {ContractSchema} schema */
export const withdrawnFile = (schema) => `${HOME}/${ownerOf(schema)}/withdrawn.json`;

/** @returns {Withdrawn} of all owners */
export const readWithdrawn = () =>
  new Map(list(HOME).flatMap((folder) => [...withdrawnIn(`${folder}/withdrawn.json`)]));

/**
 * @param {string} file need not be there
 * @returns {Withdrawn}
 * @throws Error for a promise without a sentence
 */
export function withdrawnIn(file) {
  if (!fs.existsSync(file)) return new Map();
  const reasons = Object.entries(parsed(file));
  const unfit = reasons.find(
    ([, why]) => typeof why !== 'string' || why.trim().length < SHORTEST_REASON,
  );
  if (unfit) throw new Mistake(`${file}: ${unfit[0]} needs a sentence that says why`);
  return new Map(reasons);
}

/** @param {string} file */
function parsed(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Mistake(`${file} is no JSON: ${messageOf(error)}`);
  }
}

/**
 * @param {ContractSchema} schema
 * @param {string} [field]
 */
export const promiseOf = ({ name, version }, field) =>
  `${name}.v${version}${field ? `.${field}` : ''}`;

/**
 * @param {Withdrawn} withdrawn
 * @param {ContractSchema} schema
 * @param {string} field
 */
export const isWithdrawn = (withdrawn, schema, field) =>
  withdrawn.has(promiseOf(schema)) || withdrawn.has(promiseOf(schema, field));

/**
 * The end of a sentence about a break.
 * @param {ContractSchema} schema
 * @param {string} [field]
 */
export const orSayWhy = (schema, field) =>
  `or say why in ${withdrawnFile(schema)}, as "${promiseOf(schema, field)}"`;
