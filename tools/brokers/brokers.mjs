// npm run brokers: real brokers on 127.0.0.1 of a plain Debian machine, without containers, for
// tests and for trying.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { activemq } from './activemq.mjs';
import { kafka } from './kafka.mjs';
import { kinesis } from './kinesis.mjs';
import { mqtt } from './mqtt.mjs';
import { Place } from './place.mjs';
import { rabbitmq } from './rabbitmq.mjs';
import { redis } from './redis.mjs';
import { sqs } from './sqs.mjs';
import { messageOf } from '../terminal/errors.mjs';
import { isAlive, tryKill } from '../dev/process-tree.mjs';
import { seconds, table } from '../terminal/progress.mjs';

/**
 * A broker that runs on this machine.
 * @typedef {object} Broker
 * @property {string} name
 * @property {Record<string, string>} urls by the variables that the system and the tests read
 * @property {(place: Place) => Promise<void>} install downloads what is missing
 * @property {(place: Place) => Promise<Command>} command makes its configuration
 * @property {() => Promise<boolean>} ready whether it listens
 * @property {() => Promise<unknown>} [works] uses it once; rejects until it works
 */

/** @typedef {{ file: string, args: string[], env?: NodeJS.ProcessEnv, cwd?: string }} Command */

/** @typedef {{ available?: boolean, running?: boolean }} Options */

export const BROKERS = Object.fromEntries(
  [kafka, rabbitmq, redis, activemq, sqs, kinesis, mqtt].map((broker) => [broker.name, broker]),
);

const HELP = `npm run brokers -- <command> [names]      names: ${Object.keys(BROKERS).join(', ')}; without any: all

  install   downloads what is missing (Debian packages as root, Maven, npm)
  up        installs and starts; returns when they work: a group joined, a channel opened, a ping answered
  down      stops them in an orderly way
  kill      as a power cut: kill -9
  status    who runs, since when it answers, and its memory
  urls      the variables that the system and the tests read: env $(npm run --silent brokers -- urls) npm test

  --available   with up: what cannot be installed on this machine is said and left out
  --running     with urls: of those that run

Everything is kept in .data/brokers, or in BROKERS_DIR. Ports: KAFKA_PORT, RABBIT_PORT, REDIS_PORT, ACTIVEMQ_PORT, SQS_PORT,
KINESIS_PORT, MQTT_PORT. Their passwords are for 127.0.0.1 only.`;

const READY_WITHIN = Number(process.env.BROKERS_WAIT ?? 180) * 1_000;
const STOPPED_WITHIN_MS = 30_000;

/**
 * @param {() => Promise<boolean> | boolean} holds
 * @param {number} within
 */
async function until(holds, within) {
  for (const end = performance.now() + within; performance.now() < end; await sleep(100))
    if (await holds()) return true;
  return false;
}

/**
 * A process group of its own, which outlives this command.
 * @param {Broker} broker
 * @param {Place} place
 */
async function launch(broker, place) {
  const { file, args, env = {}, cwd } = await broker.command(place);
  const log = fs.openSync(place.log, 'a');
  const child = spawn(file, args, {
    cwd,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', log, log],
  });
  fs.closeSync(log);
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  child.unref();
  if (child.pid !== undefined) place.note(child.pid);
}

/**
 * A port that listens need not work yet: it is used once, as a service uses it.
 * @param {Broker} broker
 * @returns {Promise<string | undefined>}
 */
const whyNot = async ({ works }) =>
  works?.().then(
    () => undefined,
    (error) => error.message || String(error.code),
  );

/**
 * Starts a broker, if it does not run. Resolves when it works.
 * @param {Broker} broker
 */
export async function up(broker) {
  const place = new Place(broker.name);
  const started = performance.now();
  await broker.install(place);
  if (!place.pid) {
    if (await broker.ready())
      throw new Error(
        `${broker.name}: its port is taken by somebody else; stop that, or give it another port`,
      );
    await launch(broker, place);
  }
  let why;
  const ready = await until(
    async () => !place.pid || ((await broker.ready()) && !(why = await whyNot(broker))),
    READY_WITHIN,
  );
  if (!place.pid) throw new Error(`${broker.name} ended:\n${place.lastWords()}`);
  if (!ready)
    throw new Error(
      `${broker.name} does not answer after ${seconds(READY_WITHIN)}${why ? ` (${why})` : ''}:\n${place.lastWords()}`,
    );
  console.error(`${broker.name} answers after ${seconds(performance.now() - started)}`);
}

/**
 * @param {Broker} broker
 * @param {NodeJS.Signals} signal
 */
async function end(broker, signal) {
  const place = new Place(broker.name);
  const { pid } = place;
  if (!pid) return;
  tryKill(-pid, signal);
  if (!(await until(() => !isAlive(pid), STOPPED_WITHIN_MS))) tryKill(-pid, 'SIGKILL');
  fs.rmSync(place.run, { force: true });
  console.error(`${broker.name} ${signal === 'SIGKILL' ? 'is killed' : 'stopped'}`);
}

/**
 * MiB of a process and all it started, which are in its process group.
 * @param {number} group
 */
function memoryOf(group) {
  const pids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const kib = pids.map((pid) => {
    try {
      const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1);
      if (stat?.split(' ')[2] !== String(group)) return 0;
      return Number(
        /VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0,
      );
    } catch {
      return 0; // ended meanwhile
    }
  });
  return Math.round(kib.reduce((sum, one) => sum + one, 0) / 1024);
}

/** @param {Broker[]} chosen */
async function status(chosen) {
  const rows = await Promise.all(
    chosen.map(async (broker) => {
      const { pid } = new Place(broker.name);
      const state = !pid ? 'down' : (await broker.ready()) ? 'ready' : 'starting';
      return [
        broker.name,
        state,
        pid ?? '',
        pid ? `${memoryOf(pid)} MiB` : '',
        Object.values(broker.urls)[0],
      ];
    }),
  );
  console.log(table(['broker', 'state', 'pid', 'memory', 'URL'], rows));
}

/** @param {Broker[]} chosen */
const urls = (chosen) =>
  chosen
    .map(({ urls }) =>
      Object.entries(urls)
        .map(([name, url]) => `${name}=${url}`)
        .join('\n'),
    )
    .join('\n');

/**
 * One after the other: package managers lock. What may be left out is left out with its reason.
 * @param {Broker[]} chosen
 * @param {Options} options
 */
async function installed(chosen, { available }) {
  const there = [];
  for (const broker of chosen) {
    try {
      await broker.install(new Place(broker.name));
      there.push(broker);
    } catch (error) {
      if (!available) throw error;
      console.error(`${broker.name} cannot be installed here and is left out: ${messageOf(error)}`);
    }
  }
  return there;
}

/** @type {Record<string, (chosen: Broker[], options: Options) => Promise<unknown>>} */
const VERBS = {
  install: installed,
  up: async (chosen, options) => {
    const there = await installed(chosen, options);
    await Promise.all(there.map(up));
    console.log(urls(there));
  },
  down: (chosen) => Promise.all(chosen.map((broker) => end(broker, 'SIGTERM'))),
  kill: (chosen) => Promise.all(chosen.map((broker) => end(broker, 'SIGKILL'))),
  status,
  urls: async (chosen, { running }) =>
    console.log(urls(running ? chosen.filter(({ name }) => new Place(name).pid) : chosen)),
};

const FLAGS = /** @type {const} */ ({
  available: { type: 'boolean' },
  running: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
});

/** @param {string} name */
function brokerNamed(name) {
  const broker = Object.hasOwn(BROKERS, name) && BROKERS[name];
  if (!broker) throw new Error(`There is no broker "${name}".`);
  return broker;
}

/**
 * @param {string[]} argv
 * @returns {{ mistake: string } | { help: true } | { run: () => Promise<unknown> }}
 */
function understood(argv) {
  try {
    const { values, positionals } = parseArgs({
      args: argv,
      options: FLAGS,
      allowPositionals: true,
    });
    const [verb, ...names] = positionals;
    if (values.help || verb === undefined || verb === 'help') return { help: true };
    const act = Object.hasOwn(VERBS, verb) && VERBS[verb];
    if (!act) throw new Error(`There is no command "${verb}".`);
    const chosen = names.length > 0 ? names.map(brokerNamed) : Object.values(BROKERS);
    return { run: () => act(chosen, values) };
  } catch (error) {
    return { mistake: messageOf(error) };
  }
}

/** @param {string[]} argv */
async function main(argv) {
  const asked = understood(argv);
  if ('mistake' in asked) {
    console.error(`${asked.mistake}\n\n${HELP}`);
    return void (process.exitCode = 2);
  }
  if ('help' in asked) return console.log(HELP);
  await asked.run();
}

if (process.argv[1] && path.resolve(process.argv[1]) === import.meta.filename) {
  main(process.argv.slice(2)).catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
