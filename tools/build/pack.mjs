// npm run pack: makes the packages of the kit, one for each library below libs/parley, as files
// that `npm install` takes. JavaScript is compiled by SWC as the build does it, only that packages
// stay what imports name; declarations are tsc's. Specs and their fixtures are left out. Nothing is
// published.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import fsp from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import ts from 'typescript';
import aliases from './aliases.cjs';
import { filesOf, packages } from './packages.mjs';
import { commandLine } from '../terminal/command-line.mjs';
import { messageOf } from '../terminal/errors.mjs';
import { Progress, seconds, table } from '../terminal/progress.mjs';

/** @typedef {import('./packages.mjs').Package} Package */
/**
 * @typedef {{ name: string, filename: string, size: number, unpackedSize: number, entryCount:
 * number, files: { path: string }[] }} Tarball
 */

const KIT = 'libs/parley';
const OUT = 'dist/packages';
/** Without a source map: the sources are not in the package. */
const SETTINGS = {
  root: aliases.root,
  sourceMaps: false,
  // The form in which Node finds the names that an ES module imports.
  module: { type: /** @type {const} */ ('commonjs'), exportInteropAnnotation: true },
};

/**
 * @param {string} out
 * @param {Package} of
 */
const stageOf = (out, { folder }) => path.join(out, path.basename(folder));

/**
 * The place of a file of a package in its stage.
 * @param {string} stage
 * @param {Package} of
 * @param {string} file
 */
const placeOf = (stage, { folder }, file) => path.join(stage, path.posix.relative(folder, file));

/**
 * @param {string} file
 * @param {string | Buffer} content
 */
async function write(file, content) {
  await fsp.mkdir(path.dirname(file), { recursive: true });
  await fsp.writeFile(file, content);
}

/**
 * @param {string} out
 * @param {Package} of
 */
async function compile(out, of) {
  const { transformFile } = await import('@swc/core');
  const stage = stageOf(out, of);
  const { sources, assets } = filesOf(of.folder);
  const compiled = sources.map(async (file) => {
    const { code } = await transformFile(file, SETTINGS);
    await write(placeOf(stage, of, file).replace(/\.ts$/, '.js'), code);
  });
  const copied = assets.map(async (file) =>
    write(placeOf(stage, of, file), await fsp.readFile(file)),
  );
  const described = ['package.json', 'README.md'].map(async (name) =>
    write(path.join(stage, name), await fsp.readFile(path.join(of.folder, name))),
  );
  const license = write(path.join(stage, 'LICENSE'), await fsp.readFile('LICENSE'));
  await Promise.all([...compiled, ...copied, ...described, license]);
}

/**
 * The declarations of all packages, by one program; `npm run typecheck` has checked them.
 * @param {string} out
 * @param {Package[]} all
 */
function declare(out, all) {
  const { config } = ts.readConfigFile('tsconfig.base.json', ts.sys.readFile);
  const files = all.flatMap(({ folder }) => filesOf(folder).sources);
  const { options } = ts.parseJsonConfigFileContent({ ...config, files }, ts.sys, '.');
  const program = ts.createProgram(files, {
    ...options,
    noEmit: false,
    noCheck: true,
    declaration: true,
    emitDeclarationOnly: true,
    sourceMap: false,
    rootDir: path.resolve(KIT),
    outDir: path.resolve(out),
  });
  /** @type {[name: string, text: string][]} */
  const declarations = [];
  const { diagnostics } = program.emit(undefined, (name, text) => declarations.push([name, text]));
  if (diagnostics.length > 0)
    throw new Error(
      `declarations cannot be made:\n${ts.formatDiagnostics(diagnostics, {
        getCanonicalFileName: (file) => file,
        getCurrentDirectory: () => process.cwd(),
        getNewLine: () => '\n',
      })}`,
    );
  for (const [name, text] of declarations) {
    const file = `${KIT}/${path.relative(path.resolve(out), name)}`.replaceAll(path.sep, '/');
    const of = all.find(({ folder }) => file.startsWith(`${folder}/src/`));
    if (!of) throw new Error(`${file} belongs to no package`);
    const place = placeOf(stageOf(out, of), of, file);
    fs.mkdirSync(path.dirname(place), { recursive: true });
    fs.writeFileSync(place, text);
  }
}

/** @param {string} stage */
const emittedIn = (stage) =>
  fs
    .readdirSync(stage, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(js|d\.ts)$/.test(file))
    .map((file) => path.join(stage, file));

/** The form that SWC gives to imports. */
const REQUIRED = /(?<![.\w])require\("([^"]+)"\)/g;

/**
 * The imports of a compiled file or a declaration.
 * @param {string} file
 * @returns {string[]}
 */
function namedIn(file) {
  const text = fs.readFileSync(file, 'utf8');
  if (file.endsWith('.js')) return [...text.matchAll(REQUIRED)].map(([, name = '']) => name);
  return ts.preProcessFile(text).importedFiles.map(({ fileName }) => fileName);
}

/**
 * True when an import is found where the package is installed.
 * @param {string} file that imports
 * @param {string} name
 * @param {{ stage: string, declared: string[] }} where
 */
function isFound(file, name, { stage, declared }) {
  if (name.startsWith('node:')) return true;
  if (!name.startsWith('.'))
    return declared.some((one) => name === one || name.startsWith(`${one}/`));
  const target = path.resolve(path.dirname(file), name);
  const ending = file.endsWith('.js') ? '.js' : '.d.ts';
  return (
    target.startsWith(path.resolve(stage, 'src')) &&
    [`${target}${ending}`, path.join(target, `index${ending}`)].some((one) => fs.existsSync(one))
  );
}

/**
 * @param {string} out
 * @param {Package} of
 * @throws when an import would not be found in an application
 */
function checkImports(out, of) {
  const { name, dependencies, peerDependencies } = of.manifest;
  const stage = stageOf(out, of);
  const declared = [name, ...Object.keys({ ...dependencies, ...peerDependencies })];
  const unresolved = emittedIn(stage).flatMap((file) =>
    namedIn(file)
      .filter((one) => !isFound(file, one, { stage, declared }))
      .map((one) => `${path.relative(stage, file)} imports ${one}`),
  );
  if (unresolved.length > 0)
    throw new Error(
      `${name} would not be complete:\n${unresolved.map((line) => `  ${line}`).join('\n')}`,
    );
}

/**
 * @param {string} out
 * @param {Package[]} all
 * @returns {Promise<Tarball[]>}
 */
async function tarballs(out, all) {
  const stages = all.map((of) => `./${path.basename(stageOf(out, of))}`);
  const { stdout } = await promisify(execFile)(
    'npm',
    ['pack', ...stages, '--json', '--ignore-scripts', '--loglevel=error'],
    { cwd: out, shell: process.platform === 'win32', maxBuffer: 64 * 1024 * 1024 },
  );
  const made = JSON.parse(stdout);
  return Array.isArray(made) ? made : Object.values(made);
}

/**
 * Makes the packages anew; a folder's former ones are gone.
 * @param {string} [out]
 * @param {(doing: string) => void} [send] what is being done
 * @returns {Promise<Tarball[]>} as `npm pack` tells of them
 */
export async function pack(out = OUT, send = () => undefined) {
  const all = packages();
  await fsp.rm(out, { recursive: true, force: true });
  send('compiling');
  await Promise.all(all.map((of) => compile(out, of)));
  send('writing declarations');
  declare(out, all);
  for (const of of all) checkImports(out, of);
  send('packing');
  return tarballs(out, all);
}

if (process.argv[1] === import.meta.filename) {
  const started = performance.now();
  commandLine(
    `npm run pack      makes an installable package of each library below ${KIT}, in ${OUT}/; publishes nothing`,
    {},
  );
  process.chdir(aliases.root);
  const progress = new Progress();
  try {
    const made = await pack(OUT, (doing) => progress.waitFor(`${doing} …`));
    progress.done();
    const kilobytes = (/** @type {number} */ bytes) => `${(bytes / 1024).toFixed(1)} KiB`;
    const rows = made.map(({ name, filename, entryCount, size, unpackedSize }) => [
      ...[name, filename, entryCount, kilobytes(size), kilobytes(unpackedSize)],
    ]);
    console.log(table(['package', 'file', 'files', 'packed', 'unpacked'], rows));
    const took = seconds(performance.now() - started);
    console.log(`${made.length} packages in ${OUT}/, ${took}`);
  } catch (error) {
    progress.done();
    console.error(`npm run pack: ${messageOf(error)}`);
    process.exitCode = 1;
  }
}
