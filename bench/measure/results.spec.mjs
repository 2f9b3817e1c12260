import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bars } from '../../tools/calls/plot.mjs';
import { isWorse } from '../quick.mjs';
import { curves } from './curves.mjs';
import { cpuRatios, pageParts, sectionOf, tableOf, withSection } from './results.mjs';

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

test('a contestant with a limit of its own is compared with that one', () => {
  const { rows, ...rest } = result();
  const contestants = mode.contestants.map((one) => ({
    ...one,
    limit: one.name === 'parley' ? 'pigeon' : 'by-hand',
  }));
  rows.set('pigeon', [{ send: { cpuNode: 4 } }]);
  assert.deepEqual(
    cpuRatios({ ...rest, rows, mode: { ...mode, contestants } }, 'parley', 'send'),
    [0.5],
  );
});

const grown = {
  name: 'heaps',
  what: 'heaps of letters',
  by: 'letters',
  shows: /** @type {const} */ (['p99']),
};

/** @returns {Result} */
const grownResult = () => ({
  ...result(),
  mode: {
    ...mode,
    limit: undefined,
    apart: true,
    works: [{ ...grown, shows: [...grown.shows] }, send],
  },
  rows: new Map([
    [
      'parley',
      [1, 3].map((p99) => ({
        'heaps/10': { p99 },
        'heaps/2000': { p99: p99 * 2 },
        send: { p50: 7 },
      })),
    ],
  ]),
});

test('a work with steps has a line for each, with its own figures', () => {
  assert.deepEqual(tableOf(grownResult(), grownResult().mode.works[0] ?? send), [
    '| contestant | letters | p99, ms |',
    '|---|--:|--:|',
    '| Parley | 10 | 2.00 (1.00–3.00) |',
    '| Parley | 2,000 | 4.00 (2.00–6.00) |',
  ]);
});

test('works apart have a section each, which says how it is measured again, and a picture each', () => {
  const { sections, pictures } = pageParts(grownResult(), 'plots');
  assert.deepEqual(
    sections.map(({ again }) => again),
    ['letters --only heaps', 'letters --only send'],
  );
  assert.match(
    sections[0]?.text ?? '',
    /^## letters: heaps\n[^]*!\[heaps of letters\]\(plots\/letters-heaps\.svg\)/,
  );
  assert.doesNotMatch(sections[0]?.text ?? '', /send one by one/);
  assert.deepEqual(
    pictures.map(({ name }) => name),
    ['letters-heaps.svg', 'letters-send.svg'],
  );
});

test('a curve goes through the median of each step, steps as far apart as their logarithms', () => {
  const panels = [
    {
      name: 'p99',
      lines: [
        {
          name: 'Parley',
          points: /** @type {[number, number][]} */ ([
            [1, 5],
            [10, 10],
            [100, 20],
          ]),
        },
      ],
    },
  ];
  const [, drawn = ''] = /polyline points="([^"]+)"/.exec(curves('heaps', 'letters', panels)) ?? [];
  const points = drawn.split(' ').map((point) => point.split(',').map(Number));
  const [[x1 = 0, y1 = 0] = [], [x2 = 0, y2 = 0] = [], [x3 = 0, y3 = 0] = []] = points;
  assert.equal(x2 - x1, x3 - x2);
  assert.ok(Math.abs(y1 - y2 - (y2 - y3) / 2) < 0.2); // 5 above 5, then 10 above 10
});

test('a curve of one step, or of nothing at all but zero, is drawn by numbers', () => {
  const one = curves('heaps', 'letters', [
    { name: 'p99', lines: [{ name: 'Parley', points: [[1, 0]] }] },
  ]);
  assert.doesNotMatch(one, /NaN|Infinity/);
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
  const picture = bars(
    'CPU',
    [
      { name: 'one', parts: [3, 1] },
      { name: 'other', parts: [1, 1] },
    ],
    ['Node', 'server'],
  );
  const widths = [...picture.matchAll(/ x="([\d.]+)".* width="([\d.]+)"/g)].map(([, x, width]) => [
    Number(x),
    Number(width),
  ]);
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
