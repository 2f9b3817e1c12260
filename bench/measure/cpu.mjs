// CPU of processes with all their descendants, as Linux counts it.
import fs from 'node:fs';

/** Of `getconf CLK_TCK`, which is this on every Linux that Node runs on. */
const TICKS_A_SECOND = 100;

/**
 * @typedef {object} ProcessTimes
 * @property {number} pid
 * @property {number} parent
 * @property {number} ticks of user and system, with those of children that ended
 */

/**
 * A line of /proc/<pid>/stat. The name in it may itself hold spaces and parentheses.
 * @param {string} stat
 * @returns {ProcessTimes}
 */
export function timesIn(stat) {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { pid: Number.parseInt(stat), parent: Number(fields[1]), ticks };
}

/** @returns {ProcessTimes[]} of all processes */
function allTimes() {
  return fs.readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return [timesIn(fs.readFileSync(`/proc/${name}/stat`, 'utf8'))];
    } catch {
      return []; // ended meanwhile
    }
  });
}

/**
 * The processes with these pids, and what they started.
 * @param {readonly number[]} roots
 * @param {readonly ProcessTimes[]} all
 */
export function withDescendants(roots, all) {
  const wanted = new Set(roots);
  for (let size = -1; size !== wanted.size;) {
    size = wanted.size;
    for (const { pid, parent } of all) if (wanted.has(parent)) wanted.add(pid);
  }
  return all.filter(({ pid }) => wanted.has(pid));
}

/**
 * CPU seconds that these processes and their descendants have used.
 * @param {readonly number[]} roots
 */
export const cpuSeconds = (roots, all = allTimes()) =>
  withDescendants(roots, all).reduce((sum, { ticks }) => sum + ticks, 0) / TICKS_A_SECOND;
