// Where the instances of the start that runs here answer operations, and the token that opens them:
// that of the operator who logged in, or else the token of operations.
import { loginToken } from '../auth/login-file.mjs';
import { readAddresses } from './operations-file.mjs';
import { readRun } from './run-file.mjs';

/** Undefined when nothing runs here. */
export function placeHere() {
  const run = readRun();
  if (!run) return undefined;
  const addresses = readAddresses() ?? {};
  const token = loginToken('operations') ?? run.operationsToken;
  return token === undefined ? { addresses } : { addresses, token };
}
