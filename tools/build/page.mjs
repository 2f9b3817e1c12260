// npm run build:page: the operators' page of the console, made by Vite beside the compiled console.
// Builds only if the sources, the packages or this file changed.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { commandLine } from '../terminal/command-line.mjs';

const SOURCES = 'apps/console/page';
const BUILT = 'apps/console/page/built';
const STAMP = '.stamp';
/** Files beside the sources whose change makes the page stale. */
const RECIPE = ['tools/build/page.mjs', 'package-lock.json'];
const NOT_BUILT = /\.spec\.tsx?$/;

/** A hash of everything the page is made of: times would differ in every checkout. */
function stampOf() {
  const files = fs
    .readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(SOURCES, name))
    .filter((file) => !NOT_BUILT.test(file) && fs.statSync(file).isFile())
    .sort();
  const hash = createHash('sha1');
  for (const file of [...RECIPE, ...files])
    hash.update(`${file}\0`).update(fs.readFileSync(file)).update('\0');
  return hash.digest('hex');
}

/**
 * Builds the page, unless it is built already. The former one is there until the new one is whole.
 * @param {string} [out] the folder of the compiled services
 * @returns {Promise<boolean>} whether it was built
 */
export async function buildPage(out = 'dist') {
  const to = path.join(out, BUILT);
  const stamp = stampOf();
  const before = path.join(to, STAMP);
  if (fs.existsSync(before) && fs.readFileSync(before, 'utf8') === stamp) return false;
  const { build } = await import('vite'); // tens of megabytes, and often nothing has changed
  const aside = path.resolve(`${to}.${process.pid}`);
  try {
    await build({
      root: SOURCES,
      configFile: path.join(SOURCES, 'vite.config.mts'),
      logLevel: 'warn',
      build: { outDir: aside, emptyOutDir: true },
    });
    fs.writeFileSync(path.join(aside, STAMP), stamp);
    fs.rmSync(to, { recursive: true, force: true });
    fs.renameSync(aside, to);
  } finally {
    fs.rmSync(aside, { recursive: true, force: true });
  }
  return true;
}

/** @param {() => Promise<boolean>} work whether the page was built */
export async function toldBuilding(work) {
  const started = performance.now();
  const isBuilt = await work();
  const took = Math.round(performance.now() - started);
  console.log(isBuilt ? `built the page in ${took} ms` : 'the page is built already');
}

if (process.argv[1] === import.meta.filename) {
  process.chdir(path.resolve(import.meta.dirname, '../..'));
  const help = `npm run build:page [-- folder]      builds the operators' page of the console, if its sources changed; into dist/ unless a folder is named

  --gently      other processes go first`;
  const { values, positionals } = commandLine(help, {
    allowPositionals: true,
    options: { gently: { type: 'boolean', default: false } },
  });
  if (values.gently) os.setPriority(os.constants.priority.PRIORITY_LOW);
  await toldBuilding(() => buildPage(positionals[0]));
}
