// Processes of contestants, which take orders from this one. All of them end with the bench.
import { fork } from 'node:child_process';
import { once } from 'node:events';

/** @import { ChildProcess } from 'node:child_process' */

/** Longest time for one order, if nothing else is said: a contestant that lost a message would wait for ever. */
const PATIENCE_MS = 240_000;
const END_MS = 5_000;

/** @type {Set<ChildProcess>} */
const running = new Set();

/** Longer outputs of a process lose their beginning. */
const OUTPUT_AT_MOST = 20_000;

/**
 * A process of a contestant.
 * @typedef {object} Servant
 * @property {number} pid
 * @property {(order: object) => Promise<any>} ask gives an order; resolves to the answer
 * @property {() => Promise<void>} end
 */

/**
 * Resolves when the program says that it is ready.
 * @param {string} program
 * @param {string[]} args
 * @param {{ node?: string, name?: string, cwd?: string, env?: Record<string, string>, patienceMs?: number }} [options]
 * node: the one that runs it
 * @returns {Promise<Servant>}
 */
export async function start(program, args, options = {}) {
  const { node, name = program, cwd, env, patienceMs = PATIENCE_MS } = options;
  const child = fork(program, args, {
    execPath: node,
    execArgv: ['--no-deprecation'],
    cwd,
    env: { ...process.env, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (bytes) => (output = (output + bytes).slice(-OUTPUT_AT_MOST)));
  const died = once(child, 'exit').then(([code, signal]) => {
    running.delete(child);
    throw new Error(`${name} ended with ${signal ?? code}:\n${output.trim()}`);
  });
  died.catch(() => undefined); // heard by who waits for an answer
  const answer = async () => {
    const late = new AbortController();
    const time = setTimeout(() => late.abort(), patienceMs);
    try {
      const [said] = await Promise.race([once(child, 'message', { signal: late.signal }), died]);
      if (said?.error) throw new Error(`${name}: ${said.error}`);
      return said;
    } catch (error) {
      if (!late.signal.aborted) throw error;
      throw new Error(`${name} did not answer within ${patienceMs / 1000} s:\n${output.trim()}`, {
        cause: error,
      });
    } finally {
      clearTimeout(time);
    }
  };
  await answer();
  return {
    pid: child.pid ?? 0,
    ask: (order) => {
      child.send(order);
      return answer();
    },
    async end() {
      if (!running.has(child)) return;
      child.disconnect();
      const time = setTimeout(() => child.kill('SIGKILL'), END_MS);
      await died.catch(() => undefined);
      clearTimeout(time);
    },
  };
}

/** Ends what a bench that broke off left behind. */
export async function endAll() {
  const ends = [...running].map((child) => once(child, 'exit'));
  for (const child of running) child.kill('SIGKILL');
  await Promise.all(ends);
}
