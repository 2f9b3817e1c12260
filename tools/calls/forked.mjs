// Programs that run in processes of their own and take orders, one at a time, from this one.
import { fork } from 'node:child_process';
import { once } from 'node:events';

/** @import { ChildProcess } from 'node:child_process' */

/**
 * Resolves when the program says that it is ready.
 * @param {string} program
 * @param {string[]} args
 * @param {Record<string, string>} [environment] beside this process's own
 */
export async function start(program, args, environment = {}) {
  const child = fork(program, args, { env: { ...process.env, ...environment } });
  await once(child, 'message');
  return child;
}

/**
 * Gives an order, and resolves to the answer.
 * @param {ChildProcess} child
 * @param {object} order
 */
export async function ask(child, order) {
  child.send(order);
  return (await once(child, 'message'))[0];
}

/**
 * In the program: ready for orders, until the other process ends or disconnects.
 * @param {(order: any) => Promise<object>} obey resolves to the answer
 */
export function takeOrders(obey) {
  process.on('message', async (order) => process.send?.(await obey(order)));
  process.on('disconnect', () => process.exit());
  process.send?.('ready');
}
