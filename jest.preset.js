// What every project's tests share; tools/test/jest-swc.cjs says how TypeScript and pure-ESM
// packages are compiled.
const { join } = require('node:path');
const { forJest } = require('./tools/build/aliases.cjs');

module.exports = {
  testEnvironment: join(__dirname, 'tools/test/jest-environment.cjs'),
  testMatch: ['<rootDir>/src/**/*.spec.ts'],
  transform: { '\\.[cm]?[jt]s$': join(__dirname, 'tools/test/jest-swc.cjs') },
  transformIgnorePatterns: [],
  moduleNameMapper: forJest,
};
