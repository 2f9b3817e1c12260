import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Linter } from 'eslint';
import config from '../../eslint.config.mjs';

const rule = 'no-restricted-syntax';
const ofSources = /** @type {Linter.Config[]} */ (config).find(({ files }) =>
  files?.includes('**/*.{ts,tsx}'),
);
const linter = new Linter();

/** @param {string} code */
const complaints = (code) =>
  linter
    .verify(code, { rules: { [rule]: ofSources?.rules?.[rule] } })
    .map(({ message }) => message.slice(0, 'Durations'.length));

for (const code of [
  'const took = Date.now() - began;',
  'while (Date.now() < end) look();',
  'left -= Date.now();',
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
  test(`the time of day is refused for durations: ${code}`, () =>
    assert.deepEqual(complaints(code), ['Durations']));

for (const code of [
  'const took = performance.now() - began;',
  'const now = Date.now();',
  'const clock = { now: () => Date.now() };',
  'const sent = new Date(message.time).getTime();',
  'const at = new Date().toISOString();',
])
  test(`the time of day is left to those who mean it: ${code}`, () =>
    assert.deepEqual(complaints(code), []));
