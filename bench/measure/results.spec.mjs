import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bars } from '../../tools/calls/plot.mjs';
import { isWorse } from '../quick.mjs';
import { cpuRatios, sectionOf, tableOf, withSection } from './results.mjs';

/** @import { Mode } from './mode.mjs' */
/** @import { Result } from './results.mjs' */

const send = { name: 'send', what: 'send one by one' };

/** @type {Mode} */
const mode = {
  name: 'letters',
  what: 'Letters',
  servers: [],
  works: [send, { name: 'read', what: 'read letters' }],
  limit: 'by-hand',
  contestants: [
    { name: 'parley', label: 'Parley', file: '', settings: 'its defaults' },
    { name: 'by-hand', label: 'by hand', file: '', settings: 'a table' },
    { name: 'pigeon', label: 'pigeon', file: '', settings: 'two pigeons' },
  ],
  measure: async () => ({}),
};

/** @returns {Result} */
const result = () => ({
  mode,
  machine: {
    cores: 2,
    cpu: 'Z80',
    node: 'v24.1.0',
    servers: ['Post 1'],
    load: 0,
    date: '2030-01-02',
  },
  rounds: 3,
  leftOut: ['owl: it sleeps'],
  rows: new Map([
    [
      'parley',
      [400, 300, 900].map((rate, n) => ({ send: { rate, cpuNode: 1 + n, cpuServer: 1 } })),
    ],
    [
      'by-hand',
      [1200, 1500, 1400].map((rate) => ({ send: { rate, cpuNode: 0.5, cpuServer: 0.5 } })),
    ],
  ]),
});

test('a table has medians with the least and the most, and the CPU as a multiple of that by hand', () => {
  assert.deepEqual(tableOf(result(), send), [
    '| contestant | a second | CPU s a 1,000, Node | server | CPU, × by hand |',
    '|---|--:|--:|--:|--:|',
    '| Parley | 400 (300–900) | 2.00 (1.00–3.00) | 1.00 (1.00–1.00) | 3.00 |',
    '| by hand | 1,400 (1,200–1,500) | 0.50 (0.50–0.50) | 0.50 (0.50–0.50) | 1 |',
  ]);
});

test('a ratio of CPU is taken round by round, Node and server together', () => {
  assert.deepEqual(cpuRatios(result(), 'parley', 'send'), [2, 3, 4]);
});

test('a section names the machine, the settings of who took part, and who was left out', () => {
  const section = sectionOf(result(), { plots: 'plots' });
  assert.match(section, /^## letters\n\nLetters\. Medians of 3 rounds/);
  assert.match(
    section,
    /2 cores \(Z80\), Node 24\.1\.0; Post 1; load of the machine before: 0\.00/,
  );
  assert.match(section, /!\[send one by one\]\(plots\/letters-send\.svg\)/);
  assert.match(section, /- \*\*by hand\*\*: a table\n- left out: owl: it sleeps$/);
  assert.doesNotMatch(section, /pigeons|read letters|busy/);
});

test('a section of a busy machine says so', () => {
  const { machine, ...rest } = result();
  assert.match(sectionOf({ ...rest, machine: { ...machine, load: 1 } }), /The machine was busy/);
});

test('a section takes the place of its earlier one, and leaves the others', () => {
  const first = withSection(undefined, 'letters', 'one');
  const both = withSection(first, 'parcels', 'two');
  const again = withSection(both, 'letters', 'three');
  assert.match(first, /^# Benchmarks\n/);
  assert.match(again, /letters --write -->\nthree\n<!-- \/bench letters -->\n\n<!-- bench parcels/);
  assert.match(again, /two\n<!-- \/bench parcels -->\n$/);
  assert.doesNotMatch(again, /\none\n/);
});

test('a bar is as long as its share of the longest one, part after part', () => {
  const picture = bars('CPU', [{ name: 'one', parts: [3, 1] }, { name: 'other', parts: [1, 1] }], ['Node', 'server']); // prettier-ignore
  const widths = [...picture.matchAll(/ x="([\d.]+)".* width="([\d.]+)"/g)].map(([, x, width]) => [Number(x), Number(width)]); // prettier-ignore
  const [longest = [0, 0], behind = [0, 0], half = [0, 0]] = widths;
  assert.equal(widths.length, 4);
  assert.equal(longest[1], 3 * (behind[1] ?? 0));
  assert.equal(behind[0], (longest[0] ?? 0) + (longest[1] ?? 0));
  assert.equal(half[1], behind[1]);
  assert.match(picture, />4\.0<\/text>/);
});

test('Parley got worse when even its best round is above what was kept and its noise', () => {
  const kept = { ratio: 2, noise: 0.3 };
  assert.equal(isWorse([2.2, 5], kept), false);
  assert.equal(isWorse([2.4, 5], kept), true);
});
