// node tools/build/image-files.mjs --out /image --app orders: the files of an image, from dist and
// node_modules: what the process loads, and the packages that these files name, with theirs.
// Without --app the files of every process and of the installation of the database.
import fs from 'node:fs';
import { builtinModules, createRequire } from 'node:module';
import path from 'node:path';
import { commandLine } from '../terminal/command-line.mjs';

/**
 * A package of package-lock.json.
 * @typedef {object} Locked
 * @property {string} [version]
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [optionalDependencies]
 * @property {Record<string, string>} [peerDependencies]
 * @property {Record<string, { optional?: boolean }>} [peerDependenciesMeta]
 */

const INSTALLATION = [
  'tools/database/install.mjs',
  // Loaded by their path.
  'dist/libs/parley/transports/postgres/src/install.js',
  'dist/topology.js',
];
/** Of images that are told to be one of these. */
const INSTALL = 'install';
const HEALTH = 'docker/healthy.mjs';
/** The compiler, which only sources need. */
const NOT_IN_IMAGES = ['tools/build/build.mjs'];

/** Of compiled files, where import() is require(), too; of tools, their imports. */
const REQUESTED = {
  '.js': /\brequire\("([^"\n]+)"\)/g,
  '.mjs': /^(?:import|} from)\b[^;'\n]*'([^'\n]+)';|\bawait import\('([^'\n]+)'\)/gm,
};
const BUILT_IN = new Set(builtinModules);
/** Of packages: what only compilers and readers of stacks want. */
const NOT_LOADED = /\.(?:d\.[cm]?ts|map|tsbuildinfo)$/;

const apps = () =>
  fs
    .readdirSync('dist/apps')
    .filter((name) => fs.existsSync(`dist/apps/${name}/src/main.js`))
    .sort();

/** @param {string} app */
const mainOf = (app) => `dist/apps/${app}/src/main.js`;

/**
 * @param {string} [app] none: all of them
 * @returns {string[]}
 */
function entriesOf(app) {
  if (app === INSTALL) return INSTALLATION;
  if (app !== undefined) return [mainOf(app)];
  return [...apps().map(mainOf), ...INSTALLATION];
}

/** @param {string} request */
function packageNamed(request) {
  const [scope = '', name = ''] = request.split('/');
  return scope.startsWith('@') ? `${scope}/${name}` : scope;
}

/** @param {string} file */
function requestsOf(file) {
  const pattern = REQUESTED[/** @type {keyof typeof REQUESTED} */ (path.extname(file))];
  return [...fs.readFileSync(file, 'utf8').matchAll(pattern)].map(
    ([, request, later]) => request ?? later ?? '',
  );
}

/**
 * Every file that the entries load, from the root, and the packages that these name.
 * @param {readonly string[]} entries
 */
function loadedBy(entries) {
  const files = new Set(entries);
  /** @type {Set<string>} */
  const packages = new Set();
  for (const file of files)
    for (const request of requestsOf(file)) {
      if (!request.startsWith('.')) {
        if (!request.startsWith('node:') && !BUILT_IN.has(request))
          packages.add(packageNamed(request));
        continue;
      }
      const found = path.relative('.', createRequire(path.resolve(file)).resolve(request));
      if (!NOT_IN_IMAGES.includes(found)) files.add(found);
    }
  return { files: [...files], packages: [...packages] };
}

/** Files that code reads at run time: beside the code of a library of which something is loaded. */
function assetsFor(/** @type {readonly string[]} */ files) {
  const libraries = new Set(files.flatMap((file) => /^dist\/.*?\/src\//.exec(file)?.[0] ?? []));
  return [...libraries].flatMap((library) =>
    fs
      .readdirSync(library, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !/\.(?:js|map)$/.test(entry.name))
      .map((entry) => path.join(entry.parentPath, entry.name)),
  );
}

/**
 * Pages that processes serve to browsers, built beside their code.
 * @param {readonly string[]} files
 */
function pagesOf(files) {
  const pages = files
    .filter((file) => file.endsWith('/src/main.js'))
    .map((file) => file.replace('/src/main.js', '/page/built'));
  return pages
    .filter((page) => fs.existsSync(page))
    .flatMap((page) =>
      fs
        .readdirSync(page, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.join(entry.parentPath, entry.name)),
    );
}

/** @returns {Record<string, Locked>} by folder; '' is the root */
const lock = () => JSON.parse(fs.readFileSync('package-lock.json', 'utf8')).packages;

/**
 * The folder of a package as Node finds it from another one.
 * @param {Record<string, Locked>} locked
 * @param {string} from
 * @param {string} name
 */
function folderOf(locked, from, name) {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const folder = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (locked[folder] && fs.existsSync(folder)) return folder;
    if (at === '') return undefined;
  }
}

/**
 * Packages that a package needs. One that it only might use counts when the project has chosen it:
 * nothing else names @fastify/static.
 * @param {Locked} one
 * @param {Locked | undefined} root
 */
function neededBy(
  { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta },
  root,
) {
  const peers = Object.keys(peerDependencies ?? {}).filter(
    (name) => !peerDependenciesMeta?.[name]?.optional || name in (root?.dependencies ?? {}),
  );
  return [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers];
}

/**
 * The folders of packages, with all that these need in turn.
 * @param {readonly string[]} names
 */
function installedFor(names) {
  const locked = lock();
  const folders = new Set(names.map((name) => folderOf(locked, '', name) ?? missing(name)));
  for (const folder of folders)
    for (const name of neededBy(locked[folder] ?? {}, locked[''])) {
      const found = folderOf(locked, folder, name); // none: optional, and not for this machine
      if (found) folders.add(found);
    }
  return [...folders].sort();
}

/**
 * @param {string} name
 * @returns {never}
 */
function missing(name) {
  throw new Error(`the package ${name} is loaded, but not installed`);
}

/** @param {string} [app] */
export function imageFiles(app) {
  const { files, packages } = loadedBy(entriesOf(app));
  const maps = files.map((file) => `${file}.map`).filter((file) => fs.existsSync(file));
  return {
    files: [...files, ...maps, ...assetsFor(files), ...pagesOf(files), HEALTH].sort(),
    /** Named by the files. */
    packages: packages.sort(),
    /** Folders in node_modules. */
    folders: installedFor(packages),
  };
}

/** @param {string} [app] */
function mainText(app) {
  if (app === INSTALL) return `import('./${INSTALLATION[0]}');\n`;
  if (app !== undefined) return `require('./${mainOf(app)}');\n`;
  const sentence = `This image has every process. Give it a command: node ${mainOf('<name>')}, with one of ${apps().join(', ')}; or node ${INSTALLATION[0]}`;
  return `console.error(${JSON.stringify(sentence)});\nprocess.exit(2);\n`;
}

/**
 * A package.json with those packages that the project has chosen, for what reads it: npm sbom.
 * @param {string} name
 * @param {readonly string[]} folders
 */
function packageJson(name, folders) {
  const { license, dependencies, overrides } = JSON.parse(fs.readFileSync('package.json', 'utf8'));
  /** @type {[string, string][]} */
  const chosen = Object.entries(dependencies);
  /** @param {unknown} value `$ioredis` is the version chosen for it */
  const plain = (value) =>
    JSON.parse(JSON.stringify(value), (_, one) =>
      typeof one === 'string' && one.startsWith('$') ? dependencies[one.slice(1)] : one,
    );
  const content = {
    name,
    version: '0.0.0',
    private: true,
    license,
    dependencies: Object.fromEntries(
      chosen.filter(([one]) => folders.includes(`node_modules/${one}`)),
    ),
    overrides: plain(overrides),
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

/**
 * @param {string} out
 * @param {string} [app]
 */
export function writeImageFiles(out, app) {
  const { files, folders } = imageFiles(app);
  for (const file of files) fs.cpSync(file, path.join(out, file));
  for (const folder of folders)
    fs.cpSync(folder, path.join(out, folder), {
      recursive: true,
      // Packages inside of it are listed themselves.
      filter: (file) =>
        !NOT_LOADED.test(file) && path.relative(folder, file).split(path.sep)[0] !== 'node_modules',
    });
  fs.writeFileSync(path.join(out, 'main.js'), mainText(app));
  fs.writeFileSync(path.join(out, 'package.json'), packageJson(`parley-${app ?? 'shop'}`, folders));
  return { files: files.length, packages: folders.length };
}

if (process.argv[1] === import.meta.filename) {
  const help = `node tools/build/image-files.mjs --out <folder>      copies what an image needs from dist and node_modules

  --out FOLDER     where to
  --app NAME       of one process, or ${INSTALL}: of the installation of the database; default: all of them`;
  const { values } = commandLine(help, {
    options: { out: { type: 'string' }, app: { type: 'string' } },
  });
  const app = values.app || undefined;
  const known = [...apps(), INSTALL];
  if (!values.out || (app !== undefined && !known.includes(app))) {
    console.error(values.out ? `There is no "${app}": it is one of ${known.join(', ')}.` : help);
    process.exit(2);
  }
  const { files, packages } = writeImageFiles(values.out, app);
  console.log(
    `${values.out}: ${files} files and ${packages} packages for ${app ?? 'every process'}`,
  );
}
