// Memory of processes, as Linux counts it.
import fs from 'node:fs';

/** @param {string} file */
function read(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return ''; // ended, or another user's
  }
}

/**
 * A line of /proc/<pid>/status or of its smaps_rollup, in MiB.
 * @param {string} text
 * @param {'VmRSS' | 'VmHWM' | 'Pss'} name
 */
export function mebibytesIn(text, name) {
  const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) / 1024;
}

/**
 * Resident now, in MiB.
 * @param {number} pid
 */
export const residentOf = (pid) => mebibytesIn(read(`/proc/${pid}/status`), 'VmRSS') ?? 0;

/**
 * The most that was resident, in MiB.
 * @param {number} pid
 */
export const mostResidentOf = (pid) => mebibytesIn(read(`/proc/${pid}/status`), 'VmHWM') ?? 0;

/** @param {number} pid */
const childrenOf = (pid) =>
  read(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number);

/**
 * Memory of instances by their names, of all of them, and of a PostgreSQL whose memory may be read.
 * @param {Record<string, { pid?: number }>} instances
 * @param {number} [postgres]
 * @returns {[name: string, mebibytes: number][]}
 */
export function memoriesOf(instances, postgres) {
  /** @type {[string, number][]} */
  const each = Object.entries(instances).map(([name, { pid }]) => [name, residentOf(pid ?? 0)]);
  const all = each.reduce((sum, [, memory]) => sum + memory, 0);
  const shares = [...(postgres ? [postgres, ...childrenOf(postgres)] : [])].flatMap(
    (pid) => mebibytesIn(read(`/proc/${pid}/smaps_rollup`), 'Pss') ?? [],
  );
  const server = shares.reduce((sum, share) => sum + share, 0);
  each.push(['all of Node', all]);
  if (server > 0) each.push(['PostgreSQL', server]);
  return each;
}
