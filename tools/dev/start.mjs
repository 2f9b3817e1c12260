// npm start: PostgreSQL and the build side by side, then every process of topology.ts, until told
// to stop.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CLIENT_ID } from '../auth/identity-provider.mjs';
import { forgetLogins } from '../auth/login-file.mjs';
import { installDatabase } from '../database/database.mjs';
import {
  basePort,
  environmentOf,
  instancesOf,
  postgresPort,
  sharedEnvironment,
  TLS_FOLDER,
  TOOLS,
} from '../topology/environment.mjs';
import { messageOf, Mistake } from '../terminal/errors.mjs';
import { writeCalls, addCalls, removeCalls } from './calls-files.mjs';
import { takeChanges } from './changes.mjs';
import { Fleet, READY_WITHIN_MS } from './fleet.mjs';
import { lastWords, LogWatch } from './log-watch.mjs';
import { serverOf } from '../database/postgres.mjs';
import { addAddress, removeAddress, writeAddresses } from './operations-file.mjs';
import { newToken } from './operations-token.mjs';
import { checkFolders, keepPrivate } from './private-folder.mjs';
import { Progress, seconds, table } from '../terminal/progress.mjs';
import { checkAlone, endLeftovers, identity, removeRun, writeRun } from './run-file.mjs';
import { usePostgres } from '../database/shared-postgres.mjs';
import { checkBrokers, checkDisk, checkPorts } from './start-checks.mjs';
import { startLogins, usersTable } from './start-logins.mjs';
import { HELP, startOptions } from './start-options.mjs';
import { LOGS, Supervised } from './supervised.mjs';
import { topology } from '../topology/topology.mjs';

/** @import { Instance } from '../topology/environment.mjs' */
/** @import { Run } from './run-file.mjs' */
/** @import { Process, ProcessName } from '../../topology.js' */

/** @typedef {ReturnType<typeof startOptions>} StartOptions */

const LOG_KEPT_BYTES = 20 * 1024 * 1024;
// A dozen processes share this machine: a small young generation, and an old one that grows in
// small steps, keep each about 30 MB smaller. Node's own source maps would cost 20 MB each:
// services read a map when they write a stack.
const FRUGAL = ['--max-semi-space-size=4', '--heap-growing-percent=30', '--v8-pool-size=1'];
const NODE_FLAGS = [...FRUGAL, ...(process.env.PARLEY_NODE_FLAGS?.split(' ') ?? [])];

/** Processes with a page for browsers. */
const WITH_PAGES = ['gateway', 'console'];

// Together below the 15 s in which everything is gone.
const PATIENCE = { edge: 4000, inside: 7000, outside: 1000 };

const began = performance.now();
const progress = new Progress();
const since = () => seconds(performance.now() - began);

/** @type {Supervised[]} */
const supervised = [];
/** @type {Awaited<ReturnType<typeof usePostgres>>} */
let postgres;
/** @type {Promise<Awaited<ReturnType<typeof usePostgres>> | undefined> | undefined} */
let postgresStarting;
/** @type {Awaited<ReturnType<typeof startLogins>> | undefined} */
let identityProvider;
/** @type {Promise<void> | undefined} */
let stopping;
/**
 * The token of operations that this start made.
 * @type {string | undefined}
 */
let ownToken;

/**
 * @param {Instance[]} instances
 * @param {string[]} technologies
 */
async function check(instances, technologies) {
  checkFolders([
    '.data',
    LOGS,
    '.data/mail',
    '.data/postgres',
    TLS_FOLDER,
    ...topology.map(({ name }) => `.data/${name}`),
  ]);
  keepPrivate();
  fs.mkdirSync(LOGS, { recursive: true });
  checkAlone();
  checkDisk('.data');
  const ended = await endLeftovers();
  if (ended) progress.send(`Ended ${ended} processes that an earlier start had left behind.`);
  const ports = instances
    .flatMap(({ port, callsPort, operationsPort }) => [port, callsPort, operationsPort])
    .flatMap((port) => port ?? []);
  await checkPorts(ports.map((port) => ({ port, variable: `PARLEY_PORT (now ${basePort()})` })));
  await checkBrokers(technologies);
}

async function startPostgres() {
  const choosePort = async () => {
    await checkPorts([{ port: postgresPort(), variable: 'PARLEY_POSTGRES_PORT' }]);
    return postgresPort();
  };
  const server = await usePostgres({ dir: '.data/postgres', choosePort });
  progress.send(`PostgreSQL is ready (${since()})`);
  return server;
}

/**
 * Starts PostgreSQL again when it has crashed; services wait for their database by themselves.
 * @param {StartOptions} options
 */
async function keepPostgres(options) {
  for (; !stopping; await sleep(500)) {
    if (serverOf(postgres.data)) continue;
    progress.send('PostgreSQL crashed; it starts again and recovers what was committed.');
    const crashed = performance.now();
    postgresStarting = startPostgresAgain();
    const server = await postgresStarting;
    if (!server) return;
    postgres = server;
    progress.send(`PostgreSQL is back after ${seconds(performance.now() - crashed)}.`);
    if (!stopping) writeRun(describeRun(options));
  }
}

/**
 * Tries until it succeeds: remains of the crashed server may hold the port and the shared memory.
 */
async function startPostgresAgain() {
  for (let delay = 500; !stopping; delay = Math.min(2 * delay, 15_000)) {
    try {
      return await startPostgres();
    } catch (error) {
      progress.send(
        `PostgreSQL could not be started again, next try in ${delay / 1000} s: ${messageOf(error)}`,
      );
      await sleep(delay);
    }
  }
}

/** Builds in a process of its own, whose memory (a compiler's) is free when it ends. */
async function compile() {
  const { stdout } = await promisify(execFile)(process.execPath, ['tools/build/build.mjs']).catch(
    (error) => {
      throw new Mistake(`The build failed.\n${error.stderr}`);
    },
  );
  progress.send(`${stdout.trim().replace(/^c/, 'C')} (${since()})`);
}

/**
 * Builds the storefront and the operators' page, if they changed, after the services were started
 * and without waiting for them. Until they are built, the gateway and the console say so.
 */
async function buildPages() {
  const began = performance.now();
  const building = promisify(execFile)(process.execPath, ['tools/build/page.mjs', '--gently']);
  process.once('exit', () => building.child.kill());
  try {
    const { stdout } = await building;
    if (/^built/m.test(stdout) && !stopping)
      progress.send(`The pages for browsers are built (${seconds(performance.now() - began)})`);
  } catch (error) {
    if (!stopping) progress.send(`The pages for browsers could not be built: ${messageOf(error)}`);
  }
}

/** @param {Process[]} processes */
function checkBuilt(processes) {
  const missing = processes.find(({ name }) => !fs.existsSync(`dist/apps/${name}/src/main.js`));
  if (missing)
    throw new Mistake(
      `${missing.name} is in topology.ts, but there is no apps/${missing.name}/src/main.ts.`,
    );
}

/**
 * A start begins its logs anew when they have grown large; the ones before are kept once.
 * @param {string} file
 */
function rotate(file) {
  if (fs.existsSync(file) && fs.statSync(file).size > LOG_KEPT_BYTES)
    fs.renameSync(file, `${file}.1`);
}

/**
 * @param {StartOptions} options
 * @returns {Run}
 */
function describeRun(options) {
  const shared = sharedEnvironment(options);
  /** @param {ProcessName} service */
  const urlOf = (service) =>
    supervised.find(({ instance }) => instance.service === service)?.instance.url;
  return {
    launcher: identity(process.pid),
    basePort: basePort(),
    environment: shared,
    gatewayUrl: urlOf('gateway'),
    operationsToken: process.env.OPERATIONS_TOKEN,
    identityProvider: identityProvider && {
      issuer: identityProvider.issuer,
      clientId: CLIENT_ID,
    },
    providerUrl: shared.PAYMENT_PROVIDER_URL,
    mailUrl: shared.MAIL_URL,
    mailDir: shared.MAIL_URL.startsWith('file:') ? fileURLToPath(shared.MAIL_URL) : undefined,
    databaseUrl: postgres.url,
    commandsUrl: shared.COMMANDS_URL ?? postgres.url,
    broadcastsUrl: shared.BROADCASTS_URL ?? postgres.url,
    eventsUrl: shared.EVENTS_URL ?? postgres.url,
    postgresPid: postgres.pid,
    postgresStarted: postgres.pid === undefined ? undefined : identity(postgres.pid).started,
    instances: Object.fromEntries(
      supervised.map(({ instance, pid, log, ready }) => [
        instance.name,
        { ...instance, ...(pid ? identity(pid) : {}), log, ready },
      ]),
    ),
  };
}

/**
 * @param {Supervised} service
 * @param {StartOptions} options
 */
function watch(service, options) {
  const { name } = service.instance;
  const note = () => stopping ?? writeRun(describeRun(options));
  service.on('started', note);
  service.on('ready', ({ took }) => (note(), progress.send(`${name} is ready (${seconds(took)})`)));
  service.on('crashed', ({ how, delay }) => {
    note();
    progress.send(
      `${name} ${how}; it starts again in ${delay / 1000} s. ${lastWords(service.log)}`.trimEnd(),
    );
  });
  const log = new LogWatch(name, path.relative('.', service.log), (line) => progress.send(line));
  const polling = setInterval(() => log.poll(), 500).unref();
  service.once('stopped', () => clearInterval(polling));
}

/**
 * The instances of this start, for changes while it runs.
 * @param {StartOptions} options
 * @param {Record<string, string>} databaseUrls
 * @param {string | undefined} consoleUrl
 */
function fleetOf(options, databaseUrls, consoleUrl) {
  return new Fleet(supervised, {
    create(instance) {
      const env = environmentOf(instance, { databaseUrls, consoleUrl, ...options });
      const service = new Supervised(instance, env, NODE_FLAGS);
      rotate(service.log);
      watch(service, options);
      return service;
    },
    list(instance) {
      addAddress(instance, true);
      addCalls(instance, true);
    },
    unlist(instance) {
      removeAddress(instance);
      removeCalls(instance);
    },
    stop: stopOne,
    changed: () => stopping ?? writeRun(describeRun(options)),
    isStopping: () => stopping !== undefined,
  });
}

async function allReady() {
  const waitingFor = () =>
    supervised.filter(({ ready }) => !ready).map(({ instance }) => instance.name);
  for (
    const until = performance.now() + READY_WITHIN_MS;
    waitingFor().length;
    await new Promise((r) => setTimeout(r, 50))
  ) {
    progress.waitFor(
      `${supervised.length - waitingFor().length} of ${supervised.length} ready; waiting for ${waitingFor().join(', ')}`,
    );
    if (stopping) return false;
    const refusing = supervised.find(({ givenUp }) => givenUp);
    if (refusing)
      throw new Mistake(`${refusing.instance.name} cannot start: ${lastWords(refusing.log)}`);
    if (performance.now() > until)
      throw new Mistake(
        `Not ready after ${READY_WITHIN_MS / 1000} s: ${waitingFor().join(', ')}. Their logs are in ${LOGS}.`,
      );
  }
  return true;
}

function showTable() {
  const purpose = Object.fromEntries(topology.map(({ name, purpose }) => [name, purpose]));
  const rows = supervised.map(({ instance, pid }) => [
    instance.name,
    instance.url,
    instance.callsPort ?? '',
    pid,
    purpose[instance.service],
  ]);
  progress.send(`\n${table(['process', 'address', 'calls', 'pid', 'what it is for'], rows)}\n`);
  progress.send(
    `PostgreSQL at 127.0.0.1:${new URL(postgres.url).port}, logs in ${LOGS}. All ready after ${since()}. Ctrl-C stops everything.`,
  );
  const gateway = supervised.find(({ instance }) => instance.service === 'gateway');
  if (gateway)
    progress.send(
      `The shop:   ${gateway.instance.url}/   its API: ${gateway.instance.url}/docs   in a terminal: npm run order`,
    );
  const page = supervised.find(({ instance }) => instance.service === 'console');
  if (page)
    progress.send(
      `Operate it: ${page.instance.url}/${ownToken ? `#token=${ownToken}` : '   with your OPERATIONS_TOKEN'}`,
    );
}

/** @param {Supervised} service */
async function stopOne(service) {
  const { name, place } = service.instance;
  const { forced } = await service.stop(PATIENCE[place]);
  if (forced)
    progress.send(
      `${name} did not stop within ${PATIENCE[place] / 1000} s and was ended by force.`,
    );
}

/** @param {Process['place']} place */
async function stopPlace(place) {
  await Promise.all(supervised.filter(({ instance }) => instance.place === place).map(stopOne));
}

/** Stops the processes that bring work in first, and the database last. */
async function stopAll() {
  const asked = performance.now();
  progress.waitFor('stopping');
  await stopPlace('edge');
  await stopPlace('inside');
  await stopPlace('outside');
  const server = await postgresStarting?.catch(() => undefined); // a stop may come while it still starts
  await server?.release();
  await identityProvider?.close();
  removeRun();
  progress.done();
  progress.send(`Everything stopped (${seconds(performance.now() - asked)}).`);
}

/**
 * @param {number} code
 * @returns {Promise<never>}
 */
async function stop(code) {
  stopping ??= stopAll();
  await stopping.catch((error) => (console.error(error), (code = 1)));
  process.exit(code);
}

/** @param {StartOptions} options */
async function start(options) {
  if (!process.env.OPERATIONS_TOKEN) ownToken = newToken();
  process.env.OPERATIONS_TOKEN ||= ownToken; // every service inherits it
  const chosen = topology.filter(({ name }) => !options.only.length || options.only.includes(name));
  const instances = chosen.flatMap((process) => instancesOf(process, options.scale));
  await check(instances, options.technologies);
  forgetLogins();
  if (options.auth) identityProvider = await startLogins();
  if (options.tls) {
    const { makeCertificates } = await import('./development-certificates.mjs');
    const inside = topology.filter(({ place }) => place !== 'outside');
    await makeCertificates([...inside.map(({ name }) => name), TOOLS]);
  }
  progress.waitFor('starting PostgreSQL, compiling');
  const starting = startPostgres();
  postgresStarting = starting;
  [postgres] = await Promise.all([starting, compile()]);
  if (stopping) return;

  checkBuilt(chosen);
  const databaseUrls = await installDatabase(postgres.url, '.data/roles.json').catch((error) => {
    const why = [error.message, error.cause?.message, error.cause?.hint].filter(Boolean).join(': ');
    throw new Mistake(`The database in .data could not be brought up to date: ${why}`);
  });
  const consoleUrl = options.messages
    ? instances.find(({ service }) => service === 'console')?.url
    : undefined;
  const fleet = fleetOf(options, databaseUrls, consoleUrl);
  supervised.push(...instances.map((instance) => fleet.parts.create(instance)));
  if (stopping) return;
  writeAddresses(instances);
  writeCalls(instances);
  for (const service of supervised) service.start();
  if (supervised.some(({ instance }) => WITH_PAGES.includes(instance.service))) void buildPages();
  void keepPostgres(options);
  if (!(await allReady())) return;
  await takeChanges((change, say) => fleet.change(change, say));
  progress.done();
  showTable();
  if (identityProvider) progress.send(usersTable(identityProvider));
}

/** @param {unknown} error */
function explain(error) {
  progress.done();
  console.error(error instanceof Mistake ? error.message : error);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void stop(0));

/** npm that is killed cannot pass it on; `npm start` then must not go on without it. */
function stopWithNpm() {
  const parent = process.ppid;
  if (process.env.npm_lifecycle_event === 'start')
    setInterval(() => process.ppid === parent || void stop(0), 1000).unref();
}

try {
  stopWithNpm();
  const options = startOptions(process.argv.slice(2));
  if (options.help) console.log(HELP);
  else await start(options);
} catch (error) {
  explain(error);
  if (postgresStarting) await stop(1);
  process.exitCode = 1;
}
