// Processes as the operating system reports them: alive or not, their start, the holder of a port.
import fs from 'node:fs';
import { codeOf } from '../terminal/errors.mjs';

/**
 * A process by its pid and its start: pids are used again, the pair is unique.
 * @typedef {object} ProcessIdentity
 * @property {number} pid
 * @property {string} [started] from /proc; undefined where there is none
 */

/** @param {number} pid */
export function isAlive(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
  return !isZombie(pid);
}

/**
 * Fields of /proc/<pid>/stat after the name, which may itself hold spaces and parentheses.
 * @param {number} pid
 */
function statOf(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ');
  } catch {
    return undefined;
  }
}

/**
 * True for a process that has ended, but whose parent has not read its exit status.
 * @param {number} pid
 */
export const isZombie = (pid) => statOf(pid)?.[0] === 'Z';

/**
 * With the pid, when it started names a process for good: pids are given again. Undefined where
 * there is no /proc.
 * @param {number} pid
 */
export const startedAt = (pid) => statOf(pid)?.[19];

/**
 * Still the process that was written down, and not another that was given its pid.
 * @param {Partial<ProcessIdentity>} process
 */
export const isSame = ({ pid, started }) =>
  pid !== undefined && isAlive(pid) && startedAt(pid) === started;

/**
 * @param {number | undefined} pid of a child: undefined when it could not be started
 * @param {NodeJS.Signals} signal
 */
export function tryKill(pid, signal) {
  try {
    if (pid !== undefined) process.kill(pid, signal);
  } catch {
    // gone already
  }
}

/**
 * Inode of the socket that listens on `port`, from the kernel's tables.
 * @param {number} port
 */
function listeningInode(port) {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    if (!fs.existsSync(table)) continue;
    for (const line of fs.readFileSync(table, 'utf8').split('\n').slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === '0A' && local?.endsWith(`:${hex}`)) return inode;
    }
  }
  return undefined;
}

/**
 * @param {number} pid
 * @returns {string[]}
 */
function descriptorsOf(pid) {
  try {
    return fs.readdirSync(`/proc/${pid}/fd`).map((fd) => fs.readlinkSync(`/proc/${pid}/fd/${fd}`));
  } catch {
    return []; // ended meanwhile, or not ours to look at
  }
}

/**
 * The pid that listens on `port`, where the system tells.
 * @param {number} port
 */
export function holderOf(port) {
  const inode = listeningInode(port);
  if (!inode) return undefined;
  return pids().find((pid) => descriptorsOf(pid).includes(`socket:[${inode}]`));
}

const pids = () =>
  fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/**
 * Processes that work in exactly this folder; none where there is no /proc.
 * @param {string} folder
 */
export const processesIn = (folder) =>
  fs.existsSync('/proc') ? pids().filter((pid) => folderOf(pid) === folder) : [];

/** @param {number} pid */
function folderOf(pid) {
  try {
    return fs.readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined; // ended meanwhile, or not ours to look at
  }
}
