// The bench of sagas: three steps, taken by a second service, to the end of each.
import path from 'node:path';
import { cpuSeconds } from '../measure/cpu.mjs';
import { start } from '../measure/processes.mjs';
import { dropDatabase, makeDatabase, query } from '../measure/servers.mjs';

/** @import { Context, Figures, Mode } from '../measure/mode.mjs' */
/** @import { Servant } from '../measure/processes.mjs' */

const [AT_ONCE, MANY, FEW, STEPS] = [50, 3_000, 300, 3];
const DATABASE = 'bench_saga';

/** @param {string} program */
const fileOf = (program) => path.join(import.meta.dirname, program);

/** @type {Mode['measure']} */
async function measure({ file, label, dist }, context) {
  const server = context.servers.get('postgres')?.url ?? '';
  const postgres = await makeDatabase(server, DATABASE);
  const place = JSON.stringify({ dist: path.resolve(dist ?? context.dist), postgres });
  const absolute = path.resolve(import.meta.dirname, '..', file);
  const { node } = context;
  /** @type {Servant[]} */
  const both = [];
  try {
    const installing = await start(fileOf('install.mjs'), [absolute, place], { node, name: label });
    await installing.end();
    for (const role of ['warehouse', 'shop'])
      both.push(
        await start(fileOf('process.mjs'), [absolute, role, place], {
          node,
          name: `${label} (${role})`,
        }),
      );
    return await worksOf(both, context, label, postgres);
  } finally {
    for (const one of both) await one.end();
    await dropDatabase(server, DATABASE);
  }
}

/**
 * @param {Servant[]} both
 * @param {Context} context
 * @param {string} label
 * @param {string} database
 */
async function worksOf(both, { scale, wants, servers }, label, database) {
  const pids = both.map(({ pid }) => pid);
  const [server] = [servers.get('postgres')?.pid ?? 0];
  /** @param {number} sagas */
  const count = (sagas) => Math.max(20, Math.round(sagas * scale));
  let from = 0;
  /** @param {number} sagas @param {number} atOnce */
  const run = async (sagas, atOnce) => {
    const asked = { from, count: count(sagas), atOnce };
    from += asked.count;
    const before = [cpuSeconds(pids), cpuSeconds([server])];
    const found = await both[1]?.ask(asked);
    const [cpuNode = 0, cpuServer = 0] = [cpuSeconds(pids), cpuSeconds([server])].map(
      (cpu, index) => ((cpu - (before[index] ?? 0)) / asked.count) * 1000,
    );
    if (found.strays > 0) throw new Error(`${label} is refused: ${found.strays} sagas ended twice`);
    return { ...found, rate: asked.count / found.seconds, cpuNode, cpuServer };
  };
  await run(MANY / 5, AT_ONCE); // compiles
  /** @type {Record<string, Figures>} */
  const figures = {};
  if (wants('at-once')) {
    const { rate, cpuNode, cpuServer, p50, p99 } = await run(MANY, AT_ONCE);
    figures['at-once'] = { rate, cpuNode, cpuServer, p50, p99 };
  }
  if (wants('alone')) {
    const { p50, p99 } = await run(FEW, 1);
    figures['alone'] = { p50, p99 };
  }
  const [{ all, different }] = await query(
    database,
    'select count(*)::int "all", count(distinct (run, n))::int different from public.effect',
  );
  if (all !== from * STEPS || different !== all)
    throw new Error(
      `${label} is refused: ${all} effects of ${different} steps instead of ${from * STEPS}`,
    );
  return figures;
}

/** @type {Mode} */
export const saga = {
  name: 'saga',
  what: 'Sagas of three steps over a second service, each with one insert there, to their end',
  servers: ['postgres'],
  works: [
    { name: 'at-once', what: '50 at once' },
    { name: 'alone', what: 'one at a time' },
  ],
  limit: 'by-hand',
  contestants: [
    {
      name: 'parley',
      label: 'Parley',
      file: 'sagas/parley.mjs',
      settings:
        'a saga, three commands and their events on PostgreSQL; defaults. Each step takes effect once.',
    },
    {
      name: 'by-hand',
      label: 'by hand',
      file: 'sagas/by-hand.mjs',
      packages: ['pg'],
      settings:
        'a queue for each service, seven commits a saga, ten connections a service, NOTIFY. Each step takes effect once.',
    },
    {
      name: 'dbos',
      label: 'DBOS',
      file: 'sagas/dbos.mjs',
      packages: ['@dbos-inc/dbos-sdk'],
      settings:
        'its defaults; the steps run in the process of the workflow, without a second service. A step may be taken twice when its process dies.',
    },
  ],
  measure,
};
