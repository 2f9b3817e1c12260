// The token of operations: OPERATIONS_TOKEN of this shell, or that of the start that runs here,
// which wrote it to .data/run.json.
import { randomBytes } from 'node:crypto';
import { readRun } from './run-file.mjs';

/** @import { Run } from './run-file.mjs' */

/** Letters, digits, - and _. */
export const newToken = () => randomBytes(24).toString('base64url');

/** @param {Pick<Run, 'operationsToken'>} [run] */
export const operationsToken = (run = readRun()) =>
  process.env.OPERATIONS_TOKEN || run?.operationsToken;

/**
 * Headers of a request to operations or to the console.
 * @param {Pick<Run, 'operationsToken'>} [run]
 * @returns {Record<string, string>}
 */
export function asOperator(run) {
  const token = operationsToken(run);
  return token ? { authorization: `Bearer ${token}` } : {};
}
