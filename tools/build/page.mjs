// npm run build:page: the pages for browsers, made by Vite beside the compiled services: the
// storefront of the gateway, and the operators' page of the console. Builds only those whose
// sources changed, or the packages or this file.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { commandLine } from '../terminal/command-line.mjs';

/** The small one first. */
const PAGES = /** @type {const} */ ({
  storefront: 'apps/gateway/page',
  console: 'apps/console/page',
});
/** @typedef {keyof typeof PAGES} PageName */
const NAMES = /** @type {PageName[]} */ (Object.keys(PAGES));

const STAMP = '.stamp';
/** Files beside the sources whose change makes a page stale. */
const RECIPE = ['tools/build/page.mjs', 'package-lock.json'];
const NOT_BUILT = /\.spec\.tsx?$/;

/**
 * A hash of everything a page is made of: times would differ in every checkout.
 * @param {string} sources
 */
function stampOf(sources) {
  const files = fs
    .readdirSync(sources, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(sources, name))
    .filter((file) => !NOT_BUILT.test(file) && fs.statSync(file).isFile())
    .sort();
  const hash = createHash('sha1');
  for (const file of [...RECIPE, ...files])
    hash.update(`${file}\0`).update(fs.readFileSync(file)).update('\0');
  return hash.digest('hex');
}

/**
 * Builds a page, unless it is built already. The former one is there until the new one is whole.
 * @param {PageName} name
 * @param {string} [out] the folder of the compiled services
 * @returns {Promise<boolean>} whether it was built
 */
export async function buildPage(name, out = 'dist') {
  const sources = PAGES[name];
  const to = path.join(out, sources, 'built');
  const stamp = stampOf(sources);
  const before = path.join(to, STAMP);
  if (fs.existsSync(before) && fs.readFileSync(before, 'utf8') === stamp) return false;
  const { build } = await import('vite'); // tens of megabytes, and often nothing has changed
  const aside = path.resolve(`${to}.${process.pid}`);
  try {
    await build({
      root: sources,
      configFile: path.join(sources, 'vite.config.mts'),
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

/**
 * Builds every page, and says which.
 * @param {string} [out]
 */
export async function buildPages(out) {
  for (const name of NAMES) {
    const started = performance.now();
    const isBuilt = await buildPage(name, out);
    const took = Math.round(performance.now() - started);
    console.log(
      isBuilt ? `built the page ${name} in ${took} ms` : `the page ${name} is built already`,
    );
  }
}

if (process.argv[1] === import.meta.filename) {
  process.chdir(path.resolve(import.meta.dirname, '../..'));
  const help = `npm run build:page [-- folder]      builds the storefront and the operators' page of the console, if their sources changed; into dist/ unless a folder is named

  --gently      other processes go first`;
  const { values, positionals } = commandLine(help, {
    allowPositionals: true,
    options: { gently: { type: 'boolean', default: false } },
  });
  if (values.gently) os.setPriority(os.constants.priority.PRIORITY_LOW);
  await buildPages(positionals[0]);
}
