// node tools/build/one-file.cjs <out> <entry> <argument>: runs the entry until it says 'warm', then
// writes everything it loaded into one file, with V8's compiled code beside it, and <out>/start.cjs
// to run that: a process that is started thousands of times spends its time elsewhere. What is
// loaded later is found as usual.
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');

/**
 * The loader of modules, with two functions that have no types.
 * @typedef {object} Loader
 * @property {(request: string, parent?: NodeJS.Module, isMain?: boolean) => unknown} _load
 * @property {(request: string, parent?: NodeJS.Module) => string} _resolveFilename
 */
const Module = /** @type {Loader} */ (/** @type {unknown} */ (require('node:module')));

const [out = '', entry = '', argument = ''] = process.argv
  .slice(2)
  .map((file) => path.resolve(file));
/**
 * By file: what its requests led to.
 * @type {Record<string, Record<string, string>>}
 */
const found = {};

const load = Module._load;
/** @type {Loader['_load']} */
Module._load = function (request, parent, ...rest) {
  note(request, parent);
  return load.call(this, request, parent, ...rest);
};

/**
 * @param {string} request
 * @param {NodeJS.Module} [parent]
 */
function note(request, parent) {
  try {
    const file = Module._resolveFilename(request, parent);
    if (parent?.filename && path.isAbsolute(file)) (found[parent.filename] ??= {})[request] = file;
  } catch {
    // an optional one that is not there
  }
}

/** @param {string} file */
function definition(file) {
  const source = fs.readFileSync(file, 'utf8');
  const body = file.endsWith('.json') ? `module.exports = ${source}` : source.replace(/^#!.*/, '');
  return `files[${JSON.stringify(file)}] = function (exports, require, module, __filename, __dirname) {${body}\n};\n`;
}

// The few lines of a module loader that programs rely on.
const LOADER = `
  const named = Object.assign({}, ...Object.values(found).map((of) => Object.fromEntries(Object.entries(of).filter(([name]) => !/^[./]/.test(name)))));
  const loaded = {};
  const fileOf = (from, request) => found[from]?.[request] ?? named[request];
  function load(file) {
    if (!files[file]) return outside(file);
    if (loaded[file]) return loaded[file].exports;
    const module = (loaded[file] = { exports: {}, filename: file, id: file, loaded: false, children: [], paths: [] });
    const require = (request) => (request.startsWith('@nestjs/') ? outside(request) : load(fileOf(file, request) ?? request));
    require.resolve = (request) => fileOf(file, request) ?? outside.resolve(request);
    require.cache = {};
    files[file].call(module.exports, module.exports, require, module, file, file.slice(0, file.lastIndexOf('/')));
    module.loaded = true;
    return module.exports;
  }
  return load;
`;

const START = `
const { readFileSync } = require('node:fs');
const Module = require('node:module');
const { Script } = require('node:vm');
const filename = ${JSON.stringify(path.join(out, 'all.js'))};
const script = new Script(readFileSync(filename, 'utf8'), { filename, cachedData: readFileSync(${JSON.stringify(path.join(out, 'all.cache'))}) });
const outside = Object.assign((request) => Module._load(request, module, false), { resolve: require.resolve });
script.runInThisContext()(outside)(${JSON.stringify(entry)});
`;

function write() {
  const files = Object.keys(require.cache).filter((file) => file !== __filename);
  const all = `(function (outside) {\nconst found = ${JSON.stringify(found)};\nconst files = {};\n${files.map(definition).join('')}${LOADER}})`;
  fs.mkdirSync(out, { recursive: true });
  const filename = path.join(out, 'all.js');
  fs.writeFileSync(filename, all);
  fs.writeFileSync(path.join(out, 'start.cjs'), START);
  const script = new vm.Script(all, { filename });
  process.send = () => {
    fs.writeFileSync(path.join(out, 'all.cache'), script.createCachedData()); // now: what it took to get warm is compiled
    process.exit(0);
  };
  script.runInThisContext()(
    Object.assign((/** @type {string} */ request) => Module._load(request, module, false), {
      resolve: require.resolve,
    }),
  )(entry);
}

process.argv.splice(2, 3, argument);
process.send = () => {
  setImmediate(write);
  return true;
};
require(entry);
