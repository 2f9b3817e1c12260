// The aliases (@parley/messaging, @contracts/orders …) have one home: `paths` in
// tsconfig.base.json. They are patterns, so that a library has its alias by where it is. What
// resolves them without TypeScript, the build and Jest, asks here.
const { existsSync, readFileSync, readdirSync } = require('node:fs');
const { join, resolve } = require('node:path');

const root = resolve(__dirname, '../..');
/** @type {Record<string, string[]>} */
const patterns = JSON.parse(readFileSync(join(root, 'tsconfig.base.json'), 'utf8')).compilerOptions
  .paths;

/**
 * [alias, file] of every library that is where the pattern says.
 * @param {string} pattern
 * @param {string} place
 * @returns {[alias: string, file: string][]}
 */
function librariesAt(pattern, place) {
  if (!pattern.includes('*')) return [[pattern, place]];
  const [folder = '', file = ''] = place.split('*');
  return readdirSync(join(root, folder))
    .filter((name) => existsSync(join(root, folder + name + file)))
    .map((name) => [pattern.replace('*', name), folder + name + file]);
}

const libraries = Object.entries(patterns).flatMap(([pattern, places]) =>
  places.flatMap((place) => librariesAt(pattern, place)),
);

/** For SWC: `jsc.baseUrl` and `jsc.paths`. */
const forSwc = {
  baseUrl: root,
  paths: Object.fromEntries(libraries.map(([alias, file]) => [alias, [file]])),
};

/** For Jest: `moduleNameMapper`. */
const forJest = Object.fromEntries(
  libraries.map(([alias, file]) => [`^${alias}$`, join(root, file)]),
);

module.exports = { forSwc, forJest, root };
