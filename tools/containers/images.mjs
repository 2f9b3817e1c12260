// npm run images: builds the image of each process, and says what it weighs, how soon its code runs
// and how soon it stops. Its list of packages (CycloneDX) is put into .data/images. `-- --check`
// holds each against what the images promise, wherever an engine is.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandLine } from '../terminal/command-line.mjs';
import { messageOf, Mistake } from '../terminal/errors.mjs';
import { topology } from '../topology/topology.mjs';
import { ask, engineHere, ENGINES } from './engine.mjs';
import { inLayers } from './layers.mjs';

process.chdir(path.resolve(import.meta.dirname, '../..'));

const FOLDER = '.data/images';
const DOCKERFILE = 'docker/Dockerfile';
const INSTALL = 'install';
const PATIENCE_MS = 60_000;
const MOST_ABOVE_BASE_MB = 250;
/** After it, an engine kills. */
const STOP_WITHIN_S = 30;
const KILLED = 137;

const HELP = `npm run images [-- options]      builds the image of each process, and prints size, layers, start and stop; lists of packages go into ${FOLDER}

  --check          is each as promised: size, user, end, what its layers have; without an engine it says so, and ends well
  --engine NAME    ${ENGINES.join(' or ')}; default: the first that answers
  --only a,b       these images alone: names of processes, and ${INSTALL}
  --tag TAG        default: development
  --help`;

/**
 * @typedef {object} Measured
 * @property {string} name of the process
 * @property {string} image
 * @property {number} size in MB
 * @property {number} aboveBase
 * @property {number} layers
 * @property {number} packages
 * @property {number} [start] seconds to its first line of log
 * @property {number} [stop]
 * @property {number} [exitCode] of its process
 */

/** As in Kubernetes: nothing to write to, no capability, another user, and no database to be found. */
const RESTRICTED = [
  ...['--read-only', '--tmpfs', '/tmp', '--tmpfs', '/data:uid=10001,gid=10001'],
  ...['--user', '10001:10001', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'],
  ...['--network', 'none'],
  ...['--env', 'OPERATIONS_TOKEN=nobody-else-has-this-one'],
  ...['--env', 'DATABASE_URL=postgres://nobody:nothing@127.0.0.1:1/none'],
  ...['--env', 'PAYMENT_PROVIDER_URL=http://127.0.0.1:1'],
];

const { values } = commandLine(HELP, {
  options: {
    check: { type: 'boolean', default: false },
    engine: { type: 'string' },
    only: { type: 'string' },
    tag: { type: 'string', default: 'development' },
  },
});

/** @param {number} milliseconds */
const seconds = (milliseconds) => Math.round(milliseconds / 100) / 10;
/** @param {string} name of the process */
const listOf = (name) => path.join(FOLDER, `${name}.cdx.json`);
/** @param {number} bytes */
const megabytes = (bytes) => Math.round(bytes / 1e6);

function namesAsked() {
  const known = [...topology.map(({ name }) => String(name)), INSTALL];
  const names = values.only?.split(',').filter(Boolean) ?? known;
  const unknown = names.find((name) => !known.includes(name));
  if (unknown) throw new Mistake(`There is no "${unknown}": it is one of ${known.join(', ')}.`);
  return names;
}

/**
 * The image below all of them, as the Dockerfile names it.
 * @param {string} engine
 */
function baseOf(engine) {
  const [, tag] = /^ARG NODE=(\S+)$/m.exec(fs.readFileSync(DOCKERFILE, 'utf8')) ?? [];
  const base = `node:${tag}`;
  const inspect = () => ask(engine, 'image', 'inspect', base);
  let told;
  try {
    told = inspect();
  } catch {
    ask(engine, 'pull', base); // a builder keeps its own
    told = inspect();
  }
  const [{ Size, RootFS }] = JSON.parse(told);
  return { base, size: Number(Size), layers: RootFS.Layers.length };
}

/** @param {string} engine @param {string} name */
function build(engine, name) {
  const image = `parley-${name}:${values.tag}`;
  const { status, stderr } = spawnSync(
    engine,
    [
      ...['build', '--file', DOCKERFILE, '--build-arg', `APP=${name}`],
      ...['--build-arg', `BUILD=${values.tag}`, '--tag', image, '.'],
    ],
    { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  );
  if (status !== 0) throw new Mistake(`${image} was not built:\n${stderr.slice(-4_000)}`);
  return image;
}

/**
 * @template T
 * @param {string} what
 * @param {() => T | undefined} look
 * @returns {Promise<T>}
 */
async function until(what, look) {
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end; await sleep(50)) {
    const seen = look();
    if (seen !== undefined) return seen;
  }
  throw new Mistake(`${what}: not within ${PATIENCE_MS / 1_000} s`);
}

/**
 * Until its first line of log: its code is loaded, its port is next. Then it is told to stop, while
 * it looks for its database.
 * @param {string} engine
 * @param {string} image
 */
async function startAndStop(engine, image) {
  const id = ask(engine, 'run', '--detach', ...RESTRICTED, image);
  try {
    const inspect = () => JSON.parse(ask(engine, 'inspect', id))[0];
    const started = Date.parse(inspect().State.StartedAt);
    const logged = await until(`${image} logs`, () => firstLine(engine, id));
    if (!inspect().State.Running)
      throw new Mistake(`${image} ended at once: ${logsOf(engine, id).trim()}`);
    const before = performance.now();
    ask(engine, 'stop', '--time', String(STOP_WITHIN_S), id);
    const stop = seconds(performance.now() - before);
    const { ExitCode: exitCode } = inspect().State;
    return { start: seconds(logged - started), stop, exitCode };
  } finally {
    spawnSync(engine, ['rm', '--force', id], { stdio: 'ignore' });
  }
}

/** @param {string} engine @param {string} id @param {...string} options */
function logsOf(engine, id, ...options) {
  const { stdout, stderr } = spawnSync(engine, ['logs', ...options, id], { encoding: 'utf8' });
  return `${stdout}${stderr}`;
}

/** @param {string} engine @param {string} id */
function firstLine(engine, id) {
  const [time] = logsOf(engine, id, '--timestamps').split(' ');
  return time ? Date.parse(time) : undefined;
}

/**
 * @param {string} engine
 * @param {ReturnType<typeof baseOf>} base
 * @param {string} name
 * @returns {Promise<Measured>}
 */
async function measured(engine, base, name) {
  const image = build(engine, name);
  const [{ Size, RootFS }] = JSON.parse(ask(engine, 'image', 'inspect', image));
  const list = ask(engine, 'run', '--rm', '--network', 'none', image, 'cat', 'sbom.cdx.json');
  fs.writeFileSync(listOf(name), list);
  return {
    name,
    image,
    size: megabytes(Size),
    aboveBase: megabytes(Size - base.size),
    layers: RootFS.Layers.length,
    packages: JSON.parse(list).components.length,
    ...(name === INSTALL ? {} : await startAndStop(engine, image)),
  };
}

/** A secret beside the sources, where people have theirs, until this process ends. */
function secretBesideTheSources() {
  const secret = randomBytes(24).toString('hex');
  const name = `.env.of-images-${process.pid}`;
  const files = ['.', 'docker', 'apps/orders'].map((folder) => path.join(folder, name));
  process.on('exit', () => files.forEach((file) => fs.rmSync(file, { force: true })));
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
  for (const file of files) fs.writeFileSync(file, `PASSWORD=${secret}\n`, { mode: 0o600 });
  return secret;
}

/** Packages that are in an image, as name@version: for its shell. */
const INSTALLED = `node -e '
  for (const file of fs.globSync("node_modules/**/package.json"))
    if (/(?:^|\\/)node_modules\\/(?:@[^/]+\\/)?[^/]+\\/package\\.json$/.test(file)) {
      const { name, version } = JSON.parse(fs.readFileSync(file, "utf8"));
      console.log(name + "@" + version);
    }'`;

/** Those of its list. @param {string} name of the process */
function listedPackages(name) {
  const { components } = JSON.parse(fs.readFileSync(listOf(name), 'utf8'));
  return new Set(
    components.map(
      (/** @type {{ group?: string, name: string, version: string }} */ { group, name, version }) =>
        `${group ? `${group}/` : ''}${name}@${version}`,
    ),
  );
}

/**
 * What an image breaks of what all promise.
 * @param {string} engine
 * @param {ReturnType<typeof baseOf>} base
 * @param {Measured} measured
 * @param {string} secret
 * @returns {string[]}
 */
function broken(engine, base, { name, image, aboveBase, stop, exitCode }, secret) {
  const [{ Config }] = JSON.parse(ask(engine, 'image', 'inspect', image));
  const inside = (/** @type {string} */ script) =>
    ask(engine, 'run', '--rm', '--network', 'none', '--read-only', image, 'sh', '-c', script);
  const found = inLayers(engine, image, base.layers, secret);
  const listed = listedPackages(name);
  const unlisted = inside(INSTALLED)
    .split('\n')
    .filter((one) => one && !listed.has(one));
  const written = inside(
    'for at in /app /app/dist /etc /usr/local; do test -w $at && echo $at; done; true',
  );
  const managers = inside('command -v npm npx yarn corepack; true');
  return [
    ...(aboveBase > MOST_ABOVE_BASE_MB ? [`${aboveBase} MB above ${base.base}`] : []),
    ...(/^[1-9]\d*(?::|$)/.test(Config.User) ? [] : [`runs as "${Config.User}"`]),
    ...(Config.Healthcheck ? [] : ['has no health check']),
    ...(written ? [`its user may write to ${written.replaceAll('\n', ', ')}`] : []),
    ...(managers ? [`has ${managers.replaceAll('\n', ', ')}`] : []),
    ...(unlisted.length ? [`does not list its packages ${unlisted.join(', ')}`] : []),
    ...(exitCode === KILLED ? [`told to stop, it had to be killed after ${stop} s`] : []),
    ...found.map((what) => `a layer has ${what}`),
  ];
}

async function run() {
  const engine = engineHere(values.engine ? [values.engine] : undefined);
  if (!engine) {
    const sentence = `No engine answers (${values.engine ?? ENGINES.join(', ')}): the images were neither built nor tried.`;
    if (!values.check) throw new Mistake(sentence);
    console.log(sentence);
    return;
  }
  const names = namesAsked();
  const base = baseOf(engine);
  fs.mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
  /** @type {Measured[]} */
  const rows = [];
  let failed = 0;
  const secret = values.check ? secretBesideTheSources() : '';
  for (const name of names) {
    const row = await measured(engine, base, name);
    rows.push(row);
    if (!values.check) continue;
    const faults = broken(engine, base, row, secret);
    failed += faults.length ? 1 : 0;
    const told = faults.map((fault) => `\n    ${fault}`).join('');
    console.log(`${faults.length ? '✗' : '✓'} ${row.image}${told}`);
  }
  console.log(
    `${base.base}: ${megabytes(base.size)} MB, ${base.layers} layers; sizes in MB, times in s`,
  );
  console.table(rows.map(({ name: _, ...row }) => row));
  if (values.check) console.log(`${rows.length - failed} passed, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
}

await run().catch((/** @type {unknown} */ error) => {
  console.error(error instanceof Mistake ? messageOf(error) : error);
  process.exitCode = 1;
});
