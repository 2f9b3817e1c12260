// nx serve <app>: one service from its sources, started again at each change, on the embedded PostgreSQL (which this
// starts when nothing else did). Beside `npm start` it becomes one more instance of that service.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { build } from './build.mjs';
import { installDatabase } from './database.mjs';
import { environmentOf, instanceOf, postgresPort } from './environment.mjs';
import { usePostgres } from './shared-postgres.mjs';
import { checkPorts, listens } from './start-checks.mjs';
import { Mistake } from './start-options.mjs';
import { PORTS, topology } from './topology.mjs';

function processNamed(name) {
  const found = topology.find((process) => process.name === name);
  if (!found)
    throw new Mistake(
      `There is no service "${name}" in topology.ts: it is one of ${topology.map((process) => process.name).join(', ')}.`,
    );
  return found;
}

async function freeInstance(process) {
  for (let index = 0; index < PORTS.slots; index++) {
    const instance = instanceOf(process, index);
    if (!(await listens(instance.port))) return instance;
  }
  throw new Mistake(`All ${PORTS.slots} ports of ${process.name} are taken.`);
}

async function database() {
  const choosePort = async () => {
    await checkPorts([{ port: postgresPort(), variable: 'PARLEY_POSTGRES_PORT' }]);
    return postgresPort();
  };
  const [postgres] = await Promise.all([usePostgres({ dir: '.data/postgres', choosePort }), build()]);
  const urls = await installDatabase(postgres.url, '.data/roles.json').catch(async (error) => {
    await postgres.release();
    throw error;
  });
  return { postgres, urls };
}

function run(instance, databaseUrls) {
  const flags = ['--watch', '--watch-preserve-output', '--enable-source-maps', '-r', '@swc-node/register'];
  const env = { ...environmentOf(instance, { databaseUrls }), SWC_NODE_PROJECT: 'tsconfig.base.json' };
  // Detached: Ctrl-C comes here only, so that the service drains once and PostgreSQL stops after it.
  return spawn(process.execPath, [...flags, `apps/${instance.service}/src/main.ts`], {
    env,
    stdio: 'inherit',
    detached: true,
  });
}

async function serve(name) {
  const instance = await freeInstance(processNamed(name));
  const { postgres, urls } = await database();
  console.log(`${instance.name} at ${instance.url}, database at ${new URL(postgres.url).host}`);
  const child = run(instance, urls);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop(child));
  const [code] = await once(child, 'exit');
  await postgres.release();
  return code ?? 0;
}

/** The whole group: `node --watch` runs the service as its child. */
function stop(child) {
  const group = (signal) => {
    try {
      process.kill(-child.pid, signal);
    } catch {
      // ended already
    }
  };
  group('SIGTERM');
  setTimeout(() => group('SIGKILL'), 10_000).unref();
}

try {
  process.exit(await serve(process.argv[2]));
} catch (error) {
  console.error(error instanceof Mistake ? error.message : error);
  process.exit(1);
}
