// The running system's use of the machine so far: CPU seconds and memory of its processes, commits
// of PostgreSQL. Zero where the operating system does not tell.
import fs from 'node:fs';
import pg from 'pg';

/** @import { Run } from '../dev/run-file.mjs' */

const TICKS = 100; // USER_HZ: the unit of /proc/<pid>/stat on Linux

/** @param {Pick<Run, 'instances' | 'postgresPid' | 'databaseUrl'>} run */
export async function costNow(run) {
  const server = run.postgresPid ?? 0; // there is no process 0: it has used nothing
  const services = Object.values(run.instances).flatMap(({ pid }) => pid ?? []);
  const postgres = [server, ...childrenOf(server)];
  const nodeCpu = sum(services.map(cpuOf));
  const postgresCpu = sum([...postgres.map(cpuOf), endedCpuOf(server)]);
  return {
    nodeCpu,
    postgresCpu,
    cpu: nodeCpu + postgresCpu,
    nodeMemory: sum(services.map(memoryOf)),
    processes: services.length,
    /**
     * @param {Pick<Run, 'databaseUrl'>} run
     * @returns {Promise<number>}
     */
    commits: await commits(run),
  };
}

/**
 * Handlings beyond the first of a message, as the services that live now have counted them.
 * @param {Pick<Run, 'instances'>} run
 */
export async function redeliveriesNow(run) {
  const counts = Object.values(run.instances).map(async ({ operationsUrl }) => {
    const text = await fetch(`${operationsUrl}/metrics`, {
      signal: AbortSignal.timeout(3000),
    }).then(
      (response) => response.text(),
      () => '',
    );
    return sum(
      [...text.matchAll(/^parley_message_redeliveries_total\{.*\} (\d+)/gm)].map(([, count]) =>
        Number(count),
      ),
    );
  });
  return sum(await Promise.all(counts));
}

/** @param {number[]} numbers */
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/** @param {number} pid */
const stat = (pid) => read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];
/** @param {number} pid */
const cpuOf = (pid) => (Number(stat(pid)[11] ?? 0) + Number(stat(pid)[12] ?? 0)) / TICKS;
/**
 * Of the children that ended: a connection is a process.
 * @param {number} pid
 */
const endedCpuOf = (pid) => (Number(stat(pid)[13] ?? 0) + Number(stat(pid)[14] ?? 0)) / TICKS;
/**
 * Bytes of resident memory.
 * @param {number} pid
 */
export const memoryOf = (pid) =>
  Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
/** @param {number} pid */
const childrenOf = (pid) =>
  read(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number);

/** @param {string} file */
function read(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/**
 * @param {Pick<Run, 'databaseUrl'>} run
 * @returns {Promise<number>}
 */
async function commits({ databaseUrl }) {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const { rows } = await client.query(
    'select xact_commit::int as commits from pg_stat_database where datname = current_database()',
  );
  await client.end();
  return rows[0].commits;
}
