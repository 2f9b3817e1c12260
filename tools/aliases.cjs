// The aliases (@parley/messaging, @contracts/orders …) have one home: `paths` in tsconfig.base.json. Everything that
// resolves them without TypeScript, the build and Jest, asks here, so that a new library is one line there.
const { readFileSync } = require('node:fs');
const { join, resolve } = require('node:path');

const root = resolve(__dirname, '..');
const { paths } = JSON.parse(readFileSync(join(root, 'tsconfig.base.json'), 'utf8')).compilerOptions;

/** For SWC: `jsc.baseUrl` and `jsc.paths`. */
const forSwc = { baseUrl: root, paths };

/** For Jest: `moduleNameMapper`. */
const forJest = Object.fromEntries(Object.entries(paths).map(([alias, [file]]) => [`^${alias}$`, join(root, file)]));

module.exports = { forSwc, forJest, root };
