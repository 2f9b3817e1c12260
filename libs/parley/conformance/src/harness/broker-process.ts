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
 * Undefined when it was not started that way: nobody else's broker is killed.
 */
export function brokerProcess(name: string): Fixture['broker'] {
  const running = join(brokersFolder(), 'run', `${name}.json`);
  if (!existsSync(running) && !declaredFolder()) return undefined; // what is declared does not hang on what runs just now
  const brokers = async (verb: string) => void (await run(process.execPath, [TOOL, verb, name]));
  return { kill: () => brokers('kill'), start: () => brokers('up') };
}

/** For `offers`: whether there is a broker to kill, or why not. */
export const offersBroker = (broker: Fixture['broker']): true | string =>
  broker ? true : 'it was not started by npm run brokers, and nobody else’s broker is killed';
