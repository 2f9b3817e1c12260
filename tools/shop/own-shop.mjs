// A shop that a command starts for itself in this folder, with variables of its own, and stops at
// its end.
import path from 'node:path';
import { tryKill } from '../dev/process-tree.mjs';
import { checkAlone } from '../dev/run-file.mjs';
import { ShopFolder } from './shop-folder.mjs';

/** @import { Run } from '../dev/run-file.mjs' */

/**
 * @template T
 * @param {Record<string, string>} environment
 * @param {(run: Run) => Promise<T>} work
 * @param {readonly string[]} [technologies] as of `npm start -- --on`
 * @returns {Promise<T>}
 * @throws {Mistake} when a shop runs here already
 */
export async function withShop(environment, work, technologies = []) {
  checkAlone();
  const shop = new ShopFolder(path.resolve(import.meta.dirname, '../..'), environment);
  const interrupted = () => void shop.stop().finally(() => process.exit(130));
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, interrupted);
  try {
    await shop.start(technologies);
    const run = shop.run();
    if (!run) throw new Error('the shop is ready, but its run file is gone');
    // Also when this process ends by an error that nobody caught.
    process.on('exit', () => tryKill(run.launcher.pid, 'SIGTERM'));
    return await work(run);
  } finally {
    await shop.stop();
    for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, interrupted);
  }
}
