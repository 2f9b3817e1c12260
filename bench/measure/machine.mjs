// The line that says where figures come from.
import { execFileSync } from 'node:child_process';
import os from 'node:os';

/** Others use this share of a core on a machine that is fit for measuring. */
const QUIET_LOAD = 0.3;

/**
 * @param {string} node
 * @param {readonly string[]} servers what each one says of itself
 */
export function machine(node, servers) {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  const cores = os.cpus();
  return {
    cores: cores.length,
    cpu: cores[0]?.model.trim() ?? 'unknown CPU',
    node: version,
    servers: [...servers],
    load: os.loadavg()[0] ?? 0,
    date: new Date().toISOString().slice(0, 10),
  };
}

/** @typedef {ReturnType<typeof machine>} Machine */

/** @param {Machine} machine */
export const machineLine = ({ cores, cpu, node, servers, load, date }) =>
  `${date}, ${cores} cores (${cpu}), Node ${node.slice(1)}${servers.map((one) => `; ${one}`).join('')}; load of the machine before: ${load.toFixed(2)}.`;

/** @param {Machine} machine */
export const isQuiet = ({ cores, load }) => load <= cores * QUIET_LOAD;
