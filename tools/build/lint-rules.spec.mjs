import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Linter } from 'eslint';
import config from '../../eslint.config.mjs';

const rule = 'no-restricted-syntax';
/** @param {string} files */
const rulesOf = (files) =>
  /** @type {Linter.Config[]} */ (config).find((part) => part.files?.includes(files))?.rules?.[
    rule
  ];
const SOURCES = '**/*.{ts,tsx}';
const TOOLS = '**/*.{mjs,cjs,js}';
const linter = new Linter();

/**
 * @param {string} code
 * @param {string} files
 */
const complaints = (code, files) =>
  linter
    .verify(code, { rules: { [rule]: rulesOf(files) } })
    .map(({ message }) => message.slice(0, 'Durations'.length));

for (const code of [
  'const took = Date.now() - began;',
  'while (Date.now() < end) look();',
  'left -= Date.now();',
  'const until = Date.now() + patience;',
  'const took = new Date() - began;',
  'const began = +new Date();',
  'const began = Number(new Date());',
  'const began = new Date().getTime();',
  'const began = new Date().valueOf();',
  'const clock = { elapsed: Date.now };',
  'const limiter = new Limiter(Date.now);',
  'const elapsed = Date.now.bind(Date);',
  'const began = performance.timeOrigin + event.timeStamp;',
])
  for (const files of [SOURCES, TOOLS])
    test(`the time of day is refused for durations in ${files}: ${code}`, () =>
      assert.deepEqual(complaints(code, files), ['Durations']));

for (const code of [
  'const took = performance.now() - began;',
  'const now = Date.now();',
  'const clock = { now: () => Date.now() };',
  'const sent = new Date(message.time).getTime();',
  'const at = new Date().toISOString();',
])
  for (const files of [SOURCES, TOOLS])
    test(`the time of day is left to those who mean it in ${files}: ${code}`, () =>
      assert.deepEqual(complaints(code, files), []));
