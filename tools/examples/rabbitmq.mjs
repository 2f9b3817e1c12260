import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { NotTriedError } from './not-tried.mjs';

const BROKERS = path.resolve(import.meta.dirname, '../brokers/brokers.mjs');

/** @param {string[]} args */
async function brokers(...args) {
  const { stdout } = await promisify(execFile)(process.execPath, [BROKERS, ...args]);
  return /^RABBITMQ_URL=(.+)$/m.exec(stdout)?.[1];
}

/**
 * RabbitMQ when it is asked for: that of RABBITMQ_URL, the running one of `npm run brokers`, or one
 * that is started now and stopped by `release`.
 */
export function useRabbitmq() {
  let started = false;
  const find = async () => {
    const running = process.env.RABBITMQ_URL ?? (await brokers('urls', '--running', 'rabbitmq'));
    if (running !== undefined) return running;
    started = true;
    const url = await brokers('up', 'rabbitmq').catch((error) => {
      throw new NotTriedError(`there is no RabbitMQ here (${error.stderr?.trim()})`);
    });
    if (url === undefined) throw new Error('the RabbitMQ that was started has no URL');
    return url;
  };
  /** @type {Promise<string> | undefined} */
  let found;
  return {
    url: () => (found ??= find()),
    release: async () => void (started && (await brokers('down', 'rabbitmq'))),
  };
}
