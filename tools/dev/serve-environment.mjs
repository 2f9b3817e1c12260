// The environment of a service that `nx serve` runs, alone or beside a start.
import { environmentOf, usersOwn } from '../topology/environment.mjs';
import { operationsToken } from './operations-token.mjs';

/** @import { Instance } from '../topology/environment.mjs' */
/** @import { Run } from './run-file.mjs' */

/**
 * The variables of the running start, unless this shell has its own.
 * @param {Pick<Run, 'environment' | 'operationsToken'> | undefined} run
 * @param {Instance} instance
 * @param {Record<string, string>} databaseUrls
 * @returns {NodeJS.ProcessEnv}
 */
export function environmentBeside(run, instance, databaseUrls) {
  return {
    ...environmentOf(instance, { databaseUrls }),
    ...run?.environment,
    ...usersOwn(),
    ...tokenBeside(run),
    SWC_NODE_PROJECT: 'tsconfig.base.json',
  };
}

/**
 * Alone, operations ask for none, unless this shell has one: it listens on loopback.
 * @param {Pick<Run, 'operationsToken'> | undefined} run
 */
function tokenBeside(run) {
  const token = run && operationsToken(run);
  return token ? { OPERATIONS_TOKEN: token } : {};
}
