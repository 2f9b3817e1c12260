// Results of a run: its table, its plots, its section of docs/benchmarks.md.
import { bars } from '../../tools/calls/plot.mjs';
import { curves } from './curves.mjs';
import { isQuiet, machineLine } from './machine.mjs';
import { FIGURES } from './mode.mjs';
import { installedPeer } from './peers.mjs';
import { median, ratios, summary } from './statistics.mjs';

/** @import { Machine } from './machine.mjs' */
/** @import { Contestant, Figures, FigureName, Mode, Work } from './mode.mjs' */

/**
 * @typedef {object} Result
 * @property {Mode} mode
 * @property {Machine} machine
 * @property {number} rounds
 * @property {Map<string, Record<string, Figures>[]>} rows by contestant, one a round
 * @property {string[]} leftOut contestants that could not run here, with the reason
 */

/** @param {Figures | undefined} figures CPU of Node and server */
export const cpuOf = (figures) =>
  figures?.cpuNode === undefined ? undefined : figures.cpuNode + (figures.cpuServer ?? 0);

/**
 * @param {Result} result
 * @param {string} contestant
 * @param {string} work
 */
const figuresOf = ({ rows }, contestant, work) =>
  (rows.get(contestant) ?? []).map((round) => round[work]);

/**
 * @param {Mode} mode
 * @param {string} name of a contestant
 */
const limitOf = ({ contestants, limit }, name) =>
  contestants.find((one) => one.name === name)?.limit ?? limit;

/**
 * The ratio of CPU to the contestant by hand, one a round.
 * @param {Result} result
 * @param {string} contestant
 * @param {string} work
 */
export function cpuRatios(result, contestant, work) {
  const limit = limitOf(result.mode, contestant);
  if (limit === undefined || limit === contestant) return [];
  return ratios(
    figuresOf(result, contestant, work).map(cpuOf),
    figuresOf(result, limit, work).map(cpuOf),
  );
}

/**
 * @param {FigureName} name
 * @param {readonly number[]} values
 */
function cell(name, values) {
  const { write } = FIGURES[name];
  const { median: middle, least, most } = summary(values);
  return values.length > 1 ? `${write(middle)} (${write(least)}–${write(most)})` : write(middle);
}

/**
 * The figures of a work, or of each of its steps, in the order in which they were measured.
 * @param {Result} result
 * @param {string} contestant
 * @param {Work} work
 * @returns {{ step?: string, all: Figures[] }[]}
 */
function stepsOf({ rows }, contestant, { name, by }) {
  const rounds = rows.get(contestant) ?? [];
  const keys = [...new Set(rounds.flatMap(Object.keys))].filter((key) =>
    by === undefined ? key === name : key.startsWith(`${name}/`),
  );
  return keys.map((key) => ({
    step: by === undefined ? undefined : key.slice(name.length + 1),
    all: rounds.flatMap((round) => round[key] ?? []),
  }));
}

/**
 * The table of a work: medians, and in brackets the least and the most of all rounds.
 * @param {Result} result
 * @param {Work} work
 * @returns {string[]} lines
 */
export function tableOf(result, work) {
  const { mode } = result;
  const took = mode.contestants.flatMap((contestant) =>
    stepsOf(result, contestant.name, work).map((one) => ({ contestant, ...one })),
  );
  const names = /** @type {FigureName[]} */ (Object.keys(FIGURES)).filter((name) =>
    took.some(({ all }) => all.some((figures) => figures[name] !== undefined)),
  );
  /** @param {string} name */
  const isLimit = (name) => limitOf(mode, name) === name;
  const compares =
    names.includes('cpuNode') && took.some(({ contestant }) => isLimit(contestant.name));
  const columns = [
    'contestant',
    ...(work.by === undefined ? [] : [work.by]),
    ...names.map((name) => FIGURES[name].column),
    ...(compares ? [`CPU, ${mode.compared ?? '× by hand'}`] : []),
  ];
  const lines = took.map(({ contestant, step, all }) => {
    const cells = names.map((name) => {
      const values = all.flatMap((figures) => figures[name] ?? []);
      return values.length > 0 ? cell(name, values) : '–';
    });
    const times = cpuRatios(result, contestant.name, work.name);
    if (compares)
      cells.push(isLimit(contestant.name) ? '1' : times.length ? median(times).toFixed(2) : '–');
    const heading = step === undefined ? [] : [readable(step)];
    return `| ${[contestant.label, ...heading, ...cells].join(' | ')} |`;
  });
  return [`| ${columns.join(' | ')} |`, `|---${'|--:'.repeat(columns.length - 1)}|`, ...lines];
}

/** @param {string} step a number, or a name */
const readable = (step) =>
  Number.isNaN(Number(step)) ? step : Number(step).toLocaleString('en-GB');

/** @param {readonly Figures[]} all @param {FigureName} name */
const middle = (all, name) => median(all.flatMap((figures) => figures[name] ?? []));

/**
 * A picture of a work: what it shows over its steps; else CPU of Node and server, or what was
 * measured instead.
 * @param {Result} result
 * @param {Work} work
 */
export function pictureOf(result, work) {
  if (work.by !== undefined) return curvesOf(result, work);
  /** @param {FigureName[]} names */
  const rows = (names) =>
    result.mode.contestants
      .map(({ name, label }) => ({
        name: label,
        parts: names
          .map((figure) =>
            middle(
              stepsOf(result, name, work).flatMap(({ all }) => all),
              figure,
            ),
          )
          .filter((value) => !Number.isNaN(value)),
      }))
      .filter(({ parts }) => parts.length > 0);
  for (const { what, names, legend } of BARS) {
    const found = rows(names);
    if (found.length > 0) return bars(`${work.what}: ${what}`, found, legend);
  }
  return undefined;
}

/** @type {{ what: string, names: FigureName[], legend: string[] }[]} the first that was measured is drawn */
const BARS = [
  { what: 'CPU seconds for 1,000', names: ['cpuNode', 'cpuServer'], legend: ['Node', 'server'] },
  {
    what: 'CPU seconds a minute',
    names: ['cpuMinute', 'cpuMinuteServer'],
    legend: ['Node', 'server'],
  },
  { what: 'seconds', names: ['startSeconds'], legend: ['seconds'] },
  { what: 'p50 in ms', names: ['p50'], legend: ['p50'] },
];

/**
 * @param {Result} result
 * @param {Work} work
 */
function curvesOf(result, { shows = [], ...work }) {
  const panels = shows.map((figure) => ({
    name: FIGURES[figure].column,
    lines: result.mode.contestants
      .map(({ name, label }) => ({
        name: label,
        points: stepsOf(result, name, work)
          .map(
            ({ step, all }) =>
              /** @type {[number, number]} */ ([Number(step), middle(all, figure)]),
          )
          .filter(([, value]) => !Number.isNaN(value)),
      }))
      .filter(({ points }) => points.length > 0),
  }));
  const drawn = panels.filter(({ lines }) => lines.length > 0);
  return drawn.length > 0 ? curves(work.name, work.by ?? '', drawn) : undefined;
}

/** @param {Contestant} contestant */
function settingsOf({ label, settings, packages = [] }) {
  const versions = packages.map((name) => `${name} ${installedPeer(name)?.version ?? ''}`);
  return `- **${label}**${versions.length ? ` (${versions.join(', ')})` : ''}: ${settings}`;
}

/**
 * The section of a mode, as docs/benchmarks.md and the terminal have it.
 * @param {Result} result
 * @param {{ plots?: string, heading?: string }} [options] plots: the folder of its pictures, seen from the page
 */
export function sectionOf(result, { plots, heading = result.mode.name } = {}) {
  const { mode, machine, rounds, leftOut } = result;
  const works = mode.works
    .filter(isMeasured(result))
    .flatMap((work) => [
      '',
      `**${work.what}**`,
      '',
      ...tableOf(result, work),
      ...(plots && pictureOf(result, work)
        ? ['', `![${work.what}](${plots}/${pictureName(mode, work)})`]
        : []),
    ]);
  return [
    `## ${heading}`,
    '',
    `${mode.what}. ${rounds === 1 ? 'One round.' : `Medians of ${rounds} rounds in turn, in brackets the least and the most.`}`,
    machineLine(machine),
    ...(isQuiet(machine) ? [] : ['**The machine was busy: these figures say little.**']),
    ...works,
    '',
    ...mode.contestants.filter(({ name }) => result.rows.get(name)?.length).map(settingsOf),
    ...leftOut.map((sentence) => `- left out: ${sentence}`),
  ].join('\n');
}

/** @param {Result} result @returns {(work: Work) => boolean} */
const isMeasured = (result) => (work) =>
  result.mode.contestants.some(({ name }) => stepsOf(result, name, work).length > 0);

/** @param {Mode} mode @param {Work} work */
const pictureName = (mode, work) => `${mode.name}-${work.name}.svg`;

/**
 * What a run adds to the page: sections by what measures them again, and pictures by their files.
 * @param {Result} result
 * @param {string} plots the folder of pictures, seen from the page
 */
export function pageParts(result, plots) {
  const { mode } = result;
  const works = mode.works.filter(isMeasured(result));
  const pictures = works.flatMap((work) => {
    const picture = pictureOf(result, work);
    return picture === undefined ? [] : [{ name: pictureName(mode, work), picture }];
  });
  const sections = mode.apart
    ? works.map((work) => ({
        again: `${mode.name} --only ${work.name}`,
        text: sectionOf(
          { ...result, mode: { ...mode, works: [work] } },
          { plots, heading: `${mode.name}: ${work.name}` },
        ),
      }))
    : [{ again: mode.name, text: sectionOf(result, { plots }) }];
  return { sections, pictures };
}

const HEAD = `# Benchmarks

Written by [npm run bench](../bench/README.md), which repeats every figure on this page. Contestants run in processes of their own, one after the other, and in turn. "By hand" is
the smallest honest code with the same guarantee: the limit, not a peer. CPU is user and system time of all processes of a contestant (Node) and of its server, for 1,000 messages.
`;

/**
 * The page with this section in the place of an earlier one, or at its end.
 * @param {string | undefined} page
 * @param {string} again what measures it again: the mode
 * @param {string} section
 */
export function withSection(page, again, section) {
  const [begin, end] = [
    `<!-- bench ${again}: written by npm run bench -- ${again} --write -->`,
    `<!-- /bench ${again} -->`,
  ];
  const text = page ?? HEAD;
  const whole = `${begin}\n${section}\n${end}`;
  const [head = '', rest] = text.split(begin);
  if (rest === undefined) return `${text.trimEnd()}\n\n${whole}\n`;
  return `${head}${whole}${rest.split(end)[1] ?? ''}`;
}
