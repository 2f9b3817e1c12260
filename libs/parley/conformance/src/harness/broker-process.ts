import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brokersFolder, declaredFolder } from '../config';
import type { Fixture } from './fixture';

const run = promisify(execFile);
const TOOL = 'tools/brokers/brokers.mjs';

/**
 * The broker that `npm run brokers` started on this machine, to be killed and started again.
 * Undefined when it was not started that way: no other broker is ever killed.
 */
export function brokerProcess(name: string): Fixture['broker'] {
  const running = join(brokersFolder(), 'run', `${name}.json`);
  // a declaration does not depend on the brokers that run just now
  if (!existsSync(running) && !declaredFolder()) return undefined;
  const brokers = async (verb: string) => void (await run(process.execPath, [TOOL, verb, name]));
  return { kill: () => brokers('kill'), start: () => brokers('up') };
}

/** For `offers`: whether there is a broker to kill, or why not. */
export const offersBroker = (broker: Fixture['broker']): true | string =>
  broker ? true : 'it was not started by npm run brokers, and nobody else’s broker is killed';
