// What the operating system knows about processes: who lives, since when, who holds a port.
import fs from 'node:fs';

export function isAlive(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
  return !isZombie(pid);
}

/** Fields of /proc/<pid>/stat after the name, which may itself hold spaces and parentheses. */
function statOf(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
  } catch {
    return undefined;
  }
}

/** Ended, and waits for its parent to take notice only. */
export const isZombie = (pid) => statOf(pid)?.[0] === 'Z';

/**
 * With the pid, when it started names a process for good: pids are given again. Undefined where
 * there is no /proc.
 */
export const startedAt = (pid) => statOf(pid)?.[19];

/** Still the process that was written down, and not another that was given its pid. */
export const isSame = ({ pid, started }) => isAlive(pid) && startedAt(pid) === started;

export function tryKill(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // gone already
  }
}

/** Inode of the socket that listens on `port`, from the kernel's tables. */
function listeningInode(port) {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    if (!fs.existsSync(table)) continue;
    for (const line of fs.readFileSync(table, 'utf8').split('\n').slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === '0A' && local.endsWith(`:${hex}`)) return inode;
    }
  }
  return undefined;
}

function descriptorsOf(pid) {
  try {
    return fs.readdirSync(`/proc/${pid}/fd`).map((fd) => fs.readlinkSync(`/proc/${pid}/fd/${fd}`));
  } catch {
    return []; // ended meanwhile, or not ours to look at
  }
}

/** The pid that listens on `port`, where the system tells. */
export function holderOf(port) {
  const inode = listeningInode(port);
  if (!inode) return undefined;
  const pids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).find((pid) => descriptorsOf(pid).includes(`socket:[${inode}]`));
}
