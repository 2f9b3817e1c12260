// What every project's tests share; tools/jest-swc.cjs says how TypeScript and pure-ESM packages
// are compiled.
const { join } = require('node:path');
const { forJest } = require('./tools/aliases.cjs');

module.exports = {
  testEnvironment: join(__dirname, 'tools/jest-environment.cjs'),
  testMatch: ['<rootDir>/src/**/*.spec.ts'],
  transform: { '\\.[cm]?[jt]s$': join(__dirname, 'tools/jest-swc.cjs') },
  transformIgnorePatterns: [],
  moduleNameMapper: forJest,
};
