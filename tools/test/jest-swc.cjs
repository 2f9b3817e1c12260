// One Jest transformer for everything:
//  - our .ts: SWC, CommonJS, decorator metadata (options from .swcrc); aliases are resolved by moduleNameMapper;
//  - node_modules: Nest 12 and friends are pure ESM, and Jest on Node < 24.9 cannot require() ESM,
//    so files that use ESM syntax are compiled to CommonJS; all other files pass through untouched.
const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { createTransformer } = require('@swc/jest');

/** @typedef {ReturnType<typeof createTransformer>} Transformer */
/** @typedef {Required<Extract<Transformer, { process: unknown }>>} Synchronous */

/**
 * SWC's transformer has all methods of both kinds; its types leave them open.
 * @param {Parameters<typeof createTransformer>[0]} options
 */
const transformer = (options) => /** @type {Synchronous} */ (createTransformer(options));

const {
  $schema: _,
  sourceMaps: __,
  ...swcrc
} = JSON.parse(readFileSync(join(__dirname, '../../.swcrc'), 'utf8'));
const ours = transformer({ ...swcrc, swcrc: false });
const theirs = transformer({
  swcrc: false,
  jsc: { target: 'es2023', parser: { syntax: 'ecmascript' } },
  module: { type: 'commonjs' },
});
const ESM = /^\s*(?:import|export)\b|\bimport\s*\(|\bimport\.meta\b/m;
/** @param {string} file */
const vendored = (file) => file.includes('/node_modules/');

/** @type {Pick<Synchronous, 'canInstrument' | 'getCacheKey' | 'process'>} */
module.exports = {
  canInstrument: true,
  getCacheKey: (source, file, options) => {
    if (!vendored(file)) return ours.getCacheKey(source, file, options);
    return createHash('sha1').update('v1').update(file).update(source).digest('hex');
  },
  process: (source, file, options) => {
    if (!vendored(file)) return ours.process(source, file, options);
    return ESM.test(source) ? theirs.process(source, file, options) : { code: source };
  },
};
