// The addresses of operations of the start that runs here, and the token for them: the operator's
// after a log-in, or else the token of operations.
import { loginToken } from '../auth/login-file.mjs';
import { readAddresses } from './operations-file.mjs';
import { readRun } from './run-file.mjs';

/**
 * Undefined when nothing runs here.
 * @returns {{ addresses: Record<string, string[]>, token?: string } | undefined}
 */
export function placeHere() {
  const run = readRun();
  if (!run) return undefined;
  const addresses = readAddresses() ?? {};
  const token = loginToken('operations') ?? run.operationsToken;
  return token === undefined ? { addresses } : { addresses, token };
}
