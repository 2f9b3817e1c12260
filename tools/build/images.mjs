// npm run images: builds the image of each process, and says what it weighs, how soon its code runs
// and how soon it stops. Its list of packages (CycloneDX) is put into .data/images.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandLine } from '../terminal/command-line.mjs';
import { topology } from '../topology/topology.mjs';

process.chdir(path.resolve(import.meta.dirname, '../..'));

const FOLDER = '.data/images';
const ENGINES = ['docker', 'podman'];
const INSTALL = 'install';
const PATIENCE_MS = 60_000;

const HELP = `npm run images [-- options]      builds the image of each process, and prints size, layers, start and stop; lists of packages go into ${FOLDER}

  --engine NAME    ${ENGINES.join(' or ')}; default: the first that answers
  --only a,b       these images alone: names of processes, and ${INSTALL}
  --tag TAG        default: development
  --help`;

const { values } = commandLine(HELP, {
  options: {
    engine: { type: 'string' },
    only: { type: 'string' },
    tag: { type: 'string', default: 'development' },
  },
});

/** @param {string} name */
const answers = (name) => spawnSync(name, ['info'], { stdio: 'ignore' }).status === 0;
const engine =
  (values.engine ? [values.engine] : ENGINES).find(answers) ??
  fail(`No engine answers: ${values.engine ?? ENGINES.join(' or ')} has to run here.`);
const known = [...topology.map(({ name }) => String(name)), INSTALL];
const names = values.only?.split(',').filter(Boolean) ?? known;
const unknown = names.find((name) => !known.includes(name));
if (unknown) fail(`There is no "${unknown}": it is one of ${known.join(', ')}.`);

/**
 * @param {string} sentence
 * @returns {never}
 */
function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

/** @param {string[]} args */
function ask(...args) {
  const { status, stdout, stderr } = spawnSync(engine, args, { encoding: 'utf8' });
  if (status !== 0) fail(`${engine} ${args.slice(0, 2).join(' ')}: ${stderr.trim()}`);
  return stdout.trim();
}

/** @param {string} name */
function build(name) {
  const image = `parley-${name}:${values.tag}`;
  const args = ['build', '--file', 'docker/Dockerfile', '--build-arg', `APP=${name}`];
  const { status } = spawnSync(
    engine,
    [...args, '--build-arg', `BUILD=${values.tag}`, '--tag', image, '.'],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  return status === 0 ? image : fail(`${image} was not built.`);
}

/** As in Kubernetes: nothing to write to, no capability, another user, and no database to be found. */
const RESTRICTED = [
  ...['--read-only', '--tmpfs', '/tmp', '--tmpfs', '/data:mode=1777', '--user', '10001:10001'],
  ...['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--network', 'none'],
  ...['--env', 'OPERATIONS_TOKEN=nobody-else-has-this-one'],
  ...['--env', 'DATABASE_URL=postgres://nobody:nothing@127.0.0.1:1/none'],
  ...['--env', 'PAYMENT_PROVIDER_URL=http://127.0.0.1:1'],
];

/**
 * Until its first line of log: its code is loaded, its port is next. Then it is told to stop.
 * @param {string} image
 */
async function startAndStop(image) {
  const id = ask('run', '--detach', ...RESTRICTED, image);
  try {
    const first = await firstLine(id);
    const started = Date.parse(ask('inspect', '--format', '{{.State.StartedAt}}', id));
    const before = performance.now();
    ask('stop', '--time', '30', id);
    const took = performance.now() - before;
    return { start: seconds(first - started), stop: seconds(took) };
  } finally {
    spawnSync(engine, ['rm', '--force', id], { stdio: 'ignore' });
  }
}

/** @param {string} id */
async function firstLine(id) {
  for (const until = performance.now() + PATIENCE_MS; performance.now() < until; await sleep(50)) {
    const { stdout, stderr } = spawnSync(engine, ['logs', '--timestamps', id], {
      encoding: 'utf8',
    });
    const [time] = `${stdout}${stderr}`.split(' ');
    if (time) return Date.parse(time);
  }
  return fail(`${id} logs nothing within ${PATIENCE_MS / 1_000} s.`);
}

/** @param {number} milliseconds */
const seconds = (milliseconds) => `${(milliseconds / 1_000).toFixed(1)} s`;

/** @param {string} name */
async function measured(name) {
  const image = build(name);
  const [size = '', layers = ''] = ask(
    ...['image', 'inspect', '--format', '{{.Size}} {{len .RootFS.Layers}}', image],
  ).split(' ');
  const list = ask('run', '--rm', '--network', 'none', image, 'cat', 'sbom.cdx.json');
  fs.writeFileSync(path.join(FOLDER, `${name}.cdx.json`), list);
  const times = name === INSTALL ? { start: '', stop: '' } : await startAndStop(image);
  return {
    image,
    size: `${Math.round(Number(size) / 1e6)} MB`,
    layers,
    packages: String(JSON.parse(list).components.length),
    ...times,
  };
}

fs.mkdirSync(FOLDER, { recursive: true });
const rows = [];
for (const name of names) rows.push(await measured(name));
console.table(rows);
