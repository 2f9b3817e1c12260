// Jest for generated mutants: whose specs and roots are named by tools/test/generated-mutants.mjs.
// Nothing runs beside it.
const { join } = require('node:path');
const { testMatch: _everySpec, ...shared } = require('../../jest.preset.js');

module.exports = {
  ...shared,
  // The copy of the sources has a new name each time; compiled files are found again by this one.
  id: 'parley-generated-mutants',
  rootDir: join(__dirname, '../..'),
  testTimeout: 15_000,
};
