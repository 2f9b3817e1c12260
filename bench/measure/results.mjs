// Results of a run: its table, its plots, its section of docs/benchmarks.md.
import { bars } from '../../tools/calls/plot.mjs';
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
 * The ratio of CPU to the contestant by hand, one a round.
 * @param {Result} result
 * @param {string} contestant
 * @param {string} work
 */
export function cpuRatios(result, contestant, work) {
  const { limit } = result.mode;
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
 * The table of a work: medians, and in brackets the least and the most of all rounds.
 * @param {Result} result
 * @param {Work} work
 * @returns {string[]} lines
 */
export function tableOf(result, { name: work }) {
  const took = result.mode.contestants
    .map((contestant) => ({ contestant, all: figuresOf(result, contestant.name, work) }))
    .map(({ contestant, all }) => ({ contestant, all: all.flatMap((one) => one ?? []) }))
    .filter(({ all }) => all.length > 0);
  const names = /** @type {FigureName[]} */ (Object.keys(FIGURES)).filter((name) =>
    took.some(({ all }) => all.some((figures) => figures[name] !== undefined)),
  );
  const { limit } = result.mode;
  const compares = names.includes('cpuNode') && took.some(({ contestant }) => contestant.name === limit); // prettier-ignore
  const columns = [
    'contestant',
    ...names.map((name) => FIGURES[name].column),
    ...(compares ? ['CPU, × by hand'] : []),
  ];
  const lines = took.map(({ contestant, all }) => {
    const cells = names.map((name) => {
      const values = all.flatMap((figures) => figures[name] ?? []);
      return values.length > 0 ? cell(name, values) : '–';
    });
    const times = cpuRatios(result, contestant.name, work);
    if (compares)
      cells.push(contestant.name === limit ? '1' : times.length ? median(times).toFixed(2) : '–');
    return `| ${[contestant.label, ...cells].join(' | ')} |`;
  });
  return [`| ${columns.join(' | ')} |`, `|---${'|--:'.repeat(columns.length - 1)}|`, ...lines];
}

/**
 * A picture of a work: CPU of Node and server, or the latency where no CPU was measured.
 * @param {Result} result
 * @param {Work} work
 */
export function pictureOf(result, work) {
  /** @param {string} contestant @param {FigureName} name */
  const middle = (contestant, name) =>
    median(figuresOf(result, contestant, work.name).flatMap((one) => one?.[name] ?? []));
  /** @param {FigureName[]} names */
  const rows = (names) =>
    result.mode.contestants
      .map(({ name, label }) => ({
        name: label,
        parts: names.map((figure) => middle(name, figure)).filter((value) => !Number.isNaN(value)),
      }))
      .filter(({ parts }) => parts.length > 0);
  const [cpu, latency] = [rows(['cpuNode', 'cpuServer']), rows(['p50'])];
  if (cpu.length > 0) return bars(`${work.what}: CPU seconds for 1,000`, cpu, ['Node', 'server']);
  if (latency.length > 0) return bars(`${work.what}: p50 in ms`, latency, ['p50']);
  return undefined;
}

/** @param {Contestant} contestant */
function settingsOf({ label, settings, packages = [] }) {
  const versions = packages.map((name) => `${name} ${installedPeer(name)?.version ?? ''}`);
  return `- **${label}**${versions.length ? ` (${versions.join(', ')})` : ''}: ${settings}`;
}

/**
 * The section of a mode, as docs/benchmarks.md and the terminal have it.
 * @param {Result} result
 * @param {{ plots?: string }} [options] plots: the folder of its pictures, seen from the page
 */
export function sectionOf(result, { plots } = {}) {
  const { mode, machine, rounds, leftOut } = result;
  const works = mode.works
    .filter(({ name }) => [...result.rows.values()].flat().some((round) => round[name]))
    .flatMap((work) => [
      '',
      `**${work.what}**`,
      '',
      ...tableOf(result, work),
      ...(plots && pictureOf(result, work)
        ? ['', `![${work.what}](${plots}/${mode.name}-${work.name}.svg)`]
        : []),
    ]);
  return [
    `## ${mode.name}`,
    '',
    `${mode.what}. Medians of ${rounds} rounds in turn, in brackets the least and the most.`,
    machineLine(machine),
    ...(isQuiet(machine) ? [] : ['**The machine was busy: these figures say little.**']),
    ...works,
    '',
    ...mode.contestants.filter(({ name }) => result.rows.get(name)?.length).map(settingsOf),
    ...leftOut.map((sentence) => `- left out: ${sentence}`),
  ].join('\n');
}

const HEAD = `# Benchmarks

Written by [npm run bench](../bench/README.md), which repeats every figure on this page. Contestants run in processes of their own, one after the other, and in turn. "By hand" is
the smallest honest code with the same guarantee: the limit, not a peer. CPU is user and system time of all processes of a contestant (Node) and of its server, for 1,000 messages.
`;

/**
 * The page with this section in the place of an earlier one, or at its end.
 * @param {string | undefined} page
 * @param {string} name of the mode
 * @param {string} section
 */
export function withSection(page, name, section) {
  const [begin, end] = [
    `<!-- bench ${name}: written by npm run bench -- ${name} --write -->`,
    `<!-- /bench ${name} -->`,
  ];
  const text = page ?? HEAD;
  const whole = `${begin}\n${section}\n${end}`;
  const [head = '', rest] = text.split(begin);
  if (rest === undefined) return `${text.trimEnd()}\n\n${whole}\n`;
  return `${head}${whole}${rest.split(end)[1] ?? ''}`;
}
