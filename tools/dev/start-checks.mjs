// Checks before a start. Each fails with one sentence: the fault, and what to do.
import fs from 'node:fs';
import net from 'node:net';
import { CALL_TECHNOLOGIES, technology, urlOf } from '../topology/technologies.mjs';
import { listens } from './ports.mjs';
import { holderOf } from './process-tree.mjs';
import { Mistake } from '../terminal/errors.mjs';

/**
 * A port, and the variable that moves it elsewhere.
 * @typedef {{ port: number, variable: string }} WantedPort
 */

/** @typedef {{ hostname: string, port: string }} Host */

const LEAST_DISK_BYTES = 500 * 1024 * 1024;

/** @param {number} pid */
function commandOf(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return 'a program';
  }
}

// Ports that browsers and fetch refuse: https://fetch.spec.whatwg.org/#port-blocking
const BLOCKED = new Set([
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669,
  6679, 6697, 10080,
]);

/** @param {WantedPort} wanted */
async function checkPort({ port, variable }) {
  if (BLOCKED.has(port))
    throw new Mistake(
      `Port ${port} is one that browsers refuse to talk to: choose other ports with ${variable}.`,
    );
  if (!(await listens(port))) return;
  const pid = holderOf(port);
  const by = pid ? ` by ${commandOf(pid)} (pid ${pid})` : '';
  throw new Mistake(`Port ${port} is taken${by}: stop it, or choose other ports with ${variable}.`);
}

/** @param {WantedPort[]} ports {port, variable}: the variable that moves it elsewhere */
export async function checkPorts(ports) {
  for (const port of ports) await checkPort(port);
}

/** @param {string} dir */
export function checkDisk(dir) {
  const { bavail, bsize } = fs.statfsSync(dir);
  const free = bavail * bsize;
  if (free < LEAST_DISK_BYTES)
    throw new Mistake(
      `Only ${Math.round(free / 1e6)} MB are free in ${dir}: Parley needs ${LEAST_DISK_BYTES / 1024 / 1024} MB, make some room.`,
    );
}

/**
 * @param {Host} host
 * @returns {Promise<boolean>}
 */
function answers({ hostname, port }) {
  return new Promise((resolve) => {
    const socket = net.connect({ host: hostname, port: Number(port), timeout: 3000 });
    /** @param {boolean} yes */
    const done = (yes) => (socket.destroy(), resolve(yes));
    socket
      .once('connect', () => done(true))
      .once('error', () => done(false))
      .once('timeout', () => done(false));
  });
}

/**
 * The first host of a URL that may name several; undefined where it names no port, as AWS's do not.
 * @param {string} url
 * @returns {Host | undefined}
 */
export function hostOf(url) {
  const [, ipv6, name, port] =
    /^[a-z][a-z0-9+.-]*:\/\/(?:[^@/]*@)?(?:\[([^\]]+)\]|([^:/?,[]+)):(\d+)/.exec(url) ?? [];
  const hostname = ipv6 ?? name;
  return hostname && port ? { hostname, port } : undefined;
}

/** @param {Host} host */
const shown = ({ hostname, port }) =>
  hostname.includes(':') ? `[${hostname}]:${port}` : `${hostname}:${port}`;

/**
 * A broker that is not there would show only as services that never become ready.
 * @param {string[]} technologies
 */
export async function checkBrokers(technologies) {
  for (const name of technologies) {
    if (CALL_TECHNOLOGIES.includes(name)) continue;
    const host = hostOf(urlOf(name));
    if (host && !(await answers(host)))
      throw new Mistake(
        `${name} does not answer at ${shown(host)}: start it (npm run brokers -- up ${name}), or say where it is with ${technology(name).from}.`,
      );
  }
}
