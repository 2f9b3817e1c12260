// npm run compose:check: starts docker/compose.yaml as its README says, on whatever technologies,
// orders once, stops it, and says how long each took. Wherever Docker with Compose is; elsewhere it
// says so. Names, ports and passwords are its own: a shop that runs here stays untouched.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { freePort } from '../dev/ports.mjs';
import { commandLine } from '../terminal/command-line.mjs';
import { messageOf, Mistake } from '../terminal/errors.mjs';
import { topology } from '../topology/topology.mjs';
import { answers } from './engine.mjs';

process.chdir(path.resolve(import.meta.dirname, '../..'));

const PROJECT = 'parley-check';
const BUILD = 'check';
const DELIVERED_WITHIN_S = 180;
const READY_WITHIN_S = 300;
/** Technologies without an image that could be pulled. */
const BUILT_HERE = ['kinesis'];

const HELP = `npm run compose:check [-- options]      starts docker/compose.yaml, orders once, stops it; without Docker and Compose it says so, and ends well

  --on a,b     what carries messages, as for npm run compose; repeated: one after the other
               (default: postgres, then rabbitmq,kafka,redis)
  --images TAG from the image of each process, as npm run images -- --tag TAG built it (default: from the one with every process)
  --keep       leaves the last one running
  --help`;

const { values: options } = commandLine(HELP, {
  options: {
    on: { type: 'string', multiple: true, default: ['postgres', 'rabbitmq,kafka,redis'] },
    images: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
});

let passed = 0;
let failed = 0;

/**
 * @param {string} what
 * @param {() => Promise<string | void>} work
 */
async function check(what, work) {
  const began = performance.now();
  const took = () => `${((performance.now() - began) / 1000).toFixed(1)} s`;
  try {
    const detail = await work();
    passed++;
    console.log(`✓ ${what}${detail ? `: ${detail}` : ''} (${took()})`);
    return true;
  } catch (error) {
    failed++;
    console.log(`✗ ${what}: ${messageOf(error)} (${took()})`);
    return false;
  }
}

/**
 * Each image has its process as its command, which Compose is told to leave.
 * @param {string | undefined} tag
 */
const imagesOfEach = (tag) =>
  Object.fromEntries(
    [...topology.map(({ name }) => name), 'install'].map((name) => [
      name,
      { image: `parley-${name}:${tag}`, command: ['node', 'main.js'] },
    ]),
  );

/** A shop of its own: what Compose and the services get. */
class Shop {
  #file;
  #images;
  #environment;

  /** @param {string} folder @param {Record<string, string>} environment */
  constructor(folder, environment) {
    this.#file = path.join(folder, '.env');
    this.#images = path.join(folder, 'images.json');
    fs.writeFileSync(this.#images, JSON.stringify({ services: imagesOfEach(options.images) }));
    this.#environment = { ...process.env, ...environment };
  }

  /** @param {...string} words */
  #arguments(...words) {
    const place = ['--project-name', PROJECT, '--env-file', this.#file];
    const files = ['docker/compose.yaml', ...(options.images ? [this.#images] : [])];
    return ['compose', ...place, ...files.flatMap((file) => ['--file', file]), ...words];
  }

  /** @param {string} on */
  configure(on) {
    const words = ['tools/compose/compose.mjs', '--on', on, '--env', this.#file];
    const { status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
    if (status !== 0) throw new Mistake(stderr.trim());
  }

  /**
   * Runs it to its end; what it says is told when it fails.
   * @param {...string} words
   */
  async run(...words) {
    const child = spawn('docker', this.#arguments(...words), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: this.#environment,
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => (said = (said + chunk).slice(-8_000)));
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`docker compose ${words[0]} ended with ${code}:\n${said}`);
    return said;
  }

  /** @param {...string} words */
  async lines(...words) {
    const { stdout } = spawnSync('docker', this.#arguments(...words), {
      encoding: 'utf8',
      env: this.#environment,
      maxBuffer: 16 * 1024 * 1024,
    });
    return stdout.split('\n').filter(Boolean);
  }

  /** Every container, running or not. */
  async containers() {
    const lines = await this.lines('ps', '--all', '--format', 'json');
    return lines.map((line) => {
      const { Service, State, Health, ExitCode } = JSON.parse(line);
      return { name: Service, state: State, health: Health, exitCode: ExitCode };
    });
  }
}

/** @param {string} url */
async function deliverOne(url) {
  const words = ['kubernetes/files/place-order.mjs', url, String(DELIVERED_WITHIN_S)];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(said.trim());
}

/** @param {Shop} shop */
async function everybodyTakesWork(shop) {
  const containers = await shop.containers();
  const expected = topology.map(({ name }) => String(name));
  const healthy = containers.filter(({ health }) => health === 'healthy').map(({ name }) => name);
  const others = expected.filter((name) => !healthy.includes(name));
  if (others.length > 0) throw new Error(`not healthy: ${others.join(', ')}`);
  return `${healthy.length} containers are healthy`;
}

/**
 * The health check of the image itself: Compose asks another question.
 * @param {Shop} shop
 */
async function everybodyIsLive(shop) {
  for (const { name } of topology)
    await shop.run('exec', '-T', name, 'node', 'docker/healthy.mjs', 'live');
}

/** @param {Shop} shop */
async function nobodyIsRoot(shop) {
  for (const { name } of topology) {
    const script = 'id -u; touch /app/here 2>/dev/null && echo written; true';
    const [user, written] = await shop.lines('exec', '-T', name, 'sh', '-c', script);
    if (!(Number(user) > 0)) throw new Error(`${name} is user ${user}`);
    if (written) throw new Error(`${name} writes to its own files`);
  }
}

/** @param {Shop} shop */
async function stopped(shop) {
  await shop.run('stop');
  const wrong = (await shop.containers()).filter(
    ({ name, exitCode }) => topology.some((one) => one.name === name) && exitCode !== 0,
  );
  if (wrong.length > 0)
    throw new Error(wrong.map(({ name, exitCode }) => `${name} ended with ${exitCode}`).join(', '));
}

/**
 * @param {Shop} shop
 * @param {string} on
 * @param {string} url
 */
async function through(shop, on, url) {
  console.log(`── ${on}`);
  shop.configure(on);
  for (const name of on.split(',').filter((one) => BUILT_HERE.includes(one)))
    await shop.run('build', name);
  const began = performance.now();
  const up = ['up', '--detach', '--no-build', '--wait', '--wait-timeout', String(READY_WITHIN_S)];
  const isReady = await check(`one command starts it on ${on}`, async () => {
    await shop.run(...up);
    return everybodyTakesWork(shop);
  });
  if (!isReady) return void console.log((await shop.lines('logs', '--tail', '20')).join('\n'));
  await check('an order is delivered', async () => {
    await deliverOne(url);
    return `${((performance.now() - began) / 1000).toFixed(1)} s after the command`;
  });
  await check('the health check of the image passes, in every container', () =>
    everybodyIsLive(shop),
  );
  await check('no service is root, nor writes to its own files', () => nobodyIsRoot(shop));
  if (options.keep && on === options.on.at(-1)) return console.log(`it runs on: ${url}/docs`);
  await check('every service ends by itself when told to stop', () => stopped(shop));
  await shop.run('down', '--volumes');
}

async function run() {
  if (!answers(['docker', 'info']) || !answers(['docker', 'compose', 'version']))
    return console.log(
      'Docker with Compose does not answer here: docker/compose.yaml was not started.',
    );
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-compose-'));
  const port = process.env.PARLEY_GATEWAY_PORT ?? String(await freePort());
  const shop = new Shop(folder, {
    PARLEY_BUILD: BUILD,
    PARLEY_GATEWAY_PORT: port,
    PARLEY_CONSOLE_PORT: process.env.PARLEY_CONSOLE_PORT ?? String(await freePort()),
  });
  try {
    shop.configure('postgres');
    await shop.run('down', '--volumes', '--remove-orphans'); // of a check that was broken off
    const build = async () => void (await shop.run('build'));
    if (options.images || (await check('the image builds', build)))
      for (const on of options.on) await through(shop, on, `http://127.0.0.1:${port}`);
  } finally {
    if (!options.keep) {
      await shop.run('down', '--volumes').catch(() => undefined);
      fs.rmSync(folder, { recursive: true, force: true });
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
}

await run().catch((/** @type {unknown} */ error) => {
  console.error(error instanceof Mistake ? messageOf(error) : error);
  process.exitCode = 1;
});
