// Where the instances of the start that runs here answer operations, and the token that opens them.
import { readAddresses } from './operations-file.mjs';
import { readRun } from './run-file.mjs';

/** Undefined when nothing runs here. */
export function placeHere() {
  const run = readRun();
  if (!run) return undefined;
  const addresses = readAddresses() ?? {};
  return run.operationsToken === undefined
    ? { addresses }
    : { addresses, token: run.operationsToken };
}
