// Compiles apps/, libs/ and topology.ts into dist/, or the folder named, with SWC (.swcrc) and
// copies what code reads at run time beside it. Only what changed since the last build is touched;
// type checking is tsc's job (npm run typecheck).
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import aliases from './aliases.cjs';
import { commandLine } from '../terminal/command-line.mjs';

/**
 * The origin of a folder: a recipe, and a stamp for each source.
 * @typedef {{ recipe: string, files: Record<string, string> }} Manifest
 */

const ROOTS = ['apps', 'libs'];
const MANIFEST = '.manifest.json';
const NOT_BUILT = /\.(spec|test-d|d)\.ts$/;
/** Processes and parts that only tests start. */
const FOR_TESTS = /\.(fixture|trial)\.ts$/;
/** Pages are for browsers: page.mjs builds them. */
const PAGE = /^apps\/[^/]+\/page\//;
const ASSET = /\.(sql|json|proto)$|\/assets\//;

const settings = { jsc: aliases.forSwc, root: aliases.root };

/**
 * A change of compiler, its settings or an alias (also a library that was not there before) makes
 * every earlier output stale.
 */
function recipe() {
  const parts = ['.swcrc', 'tools/build/build.mjs', 'node_modules/@swc/core/package.json'];
  return createHash('sha1')
    .update(
      [
        ...parts.map((file) => readFileSync(file, 'utf8')),
        JSON.stringify(aliases.forSwc.paths),
      ].join('\0'),
    )
    .digest('hex');
}

/**
 * @param {string} file
 * @param {boolean} withFixtures
 */
const isSource = (file, withFixtures) =>
  file.includes('/src/') &&
  !PAGE.test(file) &&
  file.endsWith('.ts') &&
  !NOT_BUILT.test(file) &&
  (withFixtures || !FOR_TESTS.test(file));
/** @param {string} file */
const isAsset = (file) =>
  file.includes('/src/') && !PAGE.test(file) && !file.endsWith('.ts') && ASSET.test(file);

/**
 * The files that a build is made of, from the root.
 * @param {boolean} withFixtures
 */
export async function inputs(withFixtures) {
  const files = ['topology.ts'].filter((file) => existsSync(file));
  for (const root of ROOTS) {
    for (const found of await fs.readdir(root, { recursive: true })) {
      const file = path.join(root, found).replaceAll(path.sep, '/');
      if (isSource(file, withFixtures) || isAsset(file)) files.push(file);
    }
  }
  return files;
}

/**
 * True when `file` has not been touched since it was compiled: for one file alone, without the
 * manifest.
 * @param {string} file
 * @param {string} [out]
 */
export function isCurrent(file, out = 'dist') {
  const to = target(out, file);
  return existsSync(to) && statSync(to).mtimeMs > statSync(file).mtimeMs;
}

/** @param {string} file */
const stamp = async (file) => {
  const { mtimeMs, size } = await fs.stat(file);
  return `${mtimeMs}:${size}`;
};

/**
 * @param {string} out
 * @param {string} file
 */
const target = (out, file) => path.join(out, file.replace(/\.ts$/, '.js'));

/**
 * Written aside and renamed: a process that starts meanwhile never loads half a file.
 * @param {string} to
 * @param {string | Buffer} content
 */
async function write(to, content) {
  await fs.mkdir(path.dirname(to), { recursive: true });
  await fs.writeFile(`${to}.${process.pid}`, content);
  await fs.rename(`${to}.${process.pid}`, to);
}

/**
 * @param {string} file
 * @param {string} [out]
 */
export async function compile(file, out = 'dist') {
  const to = target(out, file);
  if (!file.endsWith('.ts')) return write(to, await fs.readFile(file));
  const { transformFile } = await import('@swc/core'); // tens of megabytes, and often nothing has changed
  const { code, map } = await transformFile(file, settings);
  await write(`${to}.map`, map ?? '');
  await write(to, `${code}//# sourceMappingURL=${path.basename(to)}.map\n`);
}

/**
 * @param {string} out
 * @returns {Promise<Manifest>}
 */
async function readManifest(out) {
  const empty = { recipe: '', files: {} };
  return fs
    .readFile(path.join(out, MANIFEST), 'utf8')
    .then(JSON.parse)
    .catch(() => empty);
}

/**
 * @param {string} out
 * @param {Record<string, string>} before
 * @param {Record<string, string>} now
 */
async function removeStale(out, before, now) {
  const stale = Object.keys(before).filter((file) => !(file in now));
  await Promise.all(
    stale.flatMap((file) =>
      [target(out, file), `${target(out, file)}.map`].map((f) => fs.rm(f, { force: true })),
    ),
  );
  return stale.length;
}

/**
 * @param {string} [out]
 * @param {{ withFixtures?: boolean }} [options] withFixtures: for tests that start processes from
 * `out`; nothing that is shipped has them
 */
export async function build(out = 'dist', { withFixtures = false } = {}) {
  const before = await readManifest(out);
  const current = recipe();
  const known = before.recipe === current ? before.files : {};
  const files = await inputs(withFixtures);
  const now = Object.fromEntries(
    await Promise.all(files.map(async (file) => [file, await stamp(file)])),
  );
  const changed = files.filter(
    (file) => now[file] !== known[file] || !existsSync(target(out, file)),
  );
  await Promise.all(changed.map((file) => compile(file, out)));
  const removed = await removeStale(out, before.files, now);
  if (changed.length || removed)
    await write(path.join(out, MANIFEST), JSON.stringify({ recipe: current, files: now }));
  return { files: files.length, changed: changed.length, removed };
}

if (process.argv[1] === import.meta.filename) {
  const started = performance.now();
  const help = `npm run build [-- folder]      compiles apps, libs and topology.ts, only what changed; into dist/ unless a folder is named

  --page               the pages for browsers, too: npm run build says so
  --with-fixtures      what only tests start, too`;
  const { values, positionals } = commandLine(help, {
    allowPositionals: true,
    options: {
      page: { type: 'boolean', default: false },
      'with-fixtures': { type: 'boolean', default: false },
    },
  });
  const withFixtures = values['with-fixtures'] === true;
  const { files, changed, removed } = await build(positionals[0], { withFixtures });
  const took = Math.round(performance.now() - started);
  console.log(
    `compiled ${changed} of ${files} files${removed ? `, removed ${removed}` : ''} in ${took} ms`,
  );
  if (values.page === true) {
    const { buildPages } = await import('./page.mjs');
    await buildPages(positionals[0]);
  }
}
