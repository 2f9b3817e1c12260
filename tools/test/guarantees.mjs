// docs/guarantees.md as data, its short form in the README, and how both differ from what the code
// declares now.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** @typedef {'held' | 'failed' | 'not offered' | 'untested'} Verdict */

/**
 * The result of one promise on a technology.
 * @typedef {object} Result
 * @property {string} id T33
 * @property {string} text the promise
 * @property {Verdict | 'declared'} verdict `declared`: what the code says would be tried
 * @property {string} [why]
 * @property {string} [except]
 */

/** @typedef {{ technology: string, kind: string, results: Result[] }} Column */

/** @typedef {{ date: string, commit: string }} Seen */

/**
 * Columns that were seen after the page's own run, by their titles.
 * @typedef {Map<string, Seen>} Later
 */

/** @typedef {Seen & { columns: Column[], later: Later }} Page */

export const PAGE = 'docs/guarantees.md';
const README = 'README.md';
const [BEGIN, END] = [
  '<!-- guarantees: written by npm run conformance -->',
  '<!-- /guarantees -->',
];
/** @type {Record<Verdict, string>} */
const MARK = { held: '✓', failed: '✗', 'not offered': '—', untested: '?' };
const KINDS = ['call', 'command', 'broadcast', 'event'];

/**
 * A promise that was only declared has not been tried.
 * @param {Result['verdict']} verdict
 */
export const markOf = (verdict) => MARK[verdict === 'declared' ? 'untested' : verdict];

/** @type {Map<string, Verdict>} */
const VERDICTS = new Map([
  [MARK.held, 'held'],
  [MARK.failed, 'failed'],
  [MARK['not offered'], 'not offered'],
  [MARK.untested, 'untested'],
]);

/**
 * The page as it is committed: when and at which commit it was written, its columns as the suites
 * report them, and which were seen later.
 * @param {string} [text]
 * @returns {Page}
 */
export function readPage(text = fs.readFileSync(PAGE, 'utf8')) {
  const [, date = '', commit = ''] =
    /written by `npm run conformance` on (\S+) at (\w+)/.exec(text) ?? [];
  const notes = new Map(
    [...text.matchAll(/^(\d+)\. (.*)$/gm)].map(([, number = '', why = '']) => [number, why]),
  );
  const [head = [], , ...rows] = text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map(cellsOf);
  const columns = head.slice(2).map((title, index) => {
    const [technology = '', kind = ''] = title.split(': ');
    const results = rows.flatMap((cells) => resultOf(cells, cells[index + 2] ?? '', notes) ?? []);
    return { technology, kind: kind.replace(/s$/, ''), results };
  });
  const [, alone = ''] = /^Seen later, by themselves: (.*)\.$/m.exec(text) ?? [];
  /** @type {Later} */
  const later = new Map();
  for (const run of alone.split('; ')) {
    const [, commit, date, titles] = /^at (\w+) on (\S+): (.*)$/.exec(run) ?? [];
    if (!commit || !date || !titles) continue;
    for (const title of titles.split(' · ')) later.set(title, { date, commit });
  }
  return { date, commit, columns, later };
}

/**
 * `Seen later, by themselves: at 1234567 on 2026-11-26: sqs: commands · redis: broadcasts; at …`
 * @param {Later} later
 */
export function laterLine(later) {
  /** @type {Map<string, string[]>} */
  const runs = new Map();
  for (const [title, { date, commit }] of later)
    runs.set(`at ${commit} on ${date}`, [...(runs.get(`at ${commit} on ${date}`) ?? []), title]);
  return `Seen later, by themselves: ${[...runs].map(([run, titles]) => `${run}: ${titles.join(' · ')}`).join('; ')}.`;
}

/** @param {string} line */
const cellsOf = (line) =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());

/**
 * @param {string[]} row
 * @param {string} cell
 * @param {Map<string, string>} notes
 * @returns {Result | undefined}
 */
function resultOf([id = '', text = ''], cell, notes) {
  const [, mark, note] = /^(\S)(?: <sup>(\d+)<\/sup>)?$/.exec(cell) ?? [];
  const verdict = mark && VERDICTS.get(mark);
  if (!verdict) return undefined;
  const why = note ? notes.get(note) : undefined;
  return verdict === 'held' ? { id, text, verdict, except: why } : { id, text, verdict, why };
}

/**
 * Technology × kind: how many promises it was seen to hold.
 * @param {Page} page
 */
export function writeReadme({ date, commit, columns, later }) {
  const text = fs.readFileSync(README, 'utf8');
  fs.writeFileSync(
    README,
    text.replace(
      text.slice(text.indexOf(BEGIN), text.indexOf(END) + END.length),
      shortTable({ date, commit, columns, later }),
    ),
  );
}

/** @param {Page} page */
function shortTable({ date, commit, columns, later }) {
  const technologies = [...new Set(columns.map(({ technology }) => technology))];
  /**
   * @param {string} technology
   * @param {string} kind
   */
  const cell = (technology, kind) => {
    const column = columns.find((one) => one.technology === technology && one.kind === kind);
    if (!column) return '';
    /** @param {Verdict} verdict */
    const count = (verdict) => column.results.filter((result) => result.verdict === verdict).length;
    if (count('held') + count('failed') === 0) return 'not run';
    /** @type {[number, string][]} */
    const others = [
      [count('not offered'), 'not offered'],
      [count('failed'), '**not held**'],
      [count('untested'), 'not tested'],
    ];
    const rest = others.filter(([n]) => n > 0);
    return [
      `${count('held')} of ${column.results.length}`,
      ...rest.map(([n, what]) => `${n} ${what}`),
    ].join(', ');
  };
  /** @param {string[]} cells */
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [
    BEGIN,
    line(['promises held', ...KINDS.map((kind) => `${kind}s`)]),
    line(Array(KINDS.length + 1).fill('---')),
    ...technologies.map((technology) =>
      line([technology, ...KINDS.map((kind) => cell(technology, kind))]),
    ),
    '',
    `As seen on ${date} at ${commit}${later.size > 0 ? ', some columns later by themselves' : ''}. Each promise, when it was seen, and why some are not offered: [docs/guarantees.md](docs/guarantees.md).`,
    END,
  ].join('\n');
}

/**
 * The code's present declarations, as the suites would report it.
 * @returns {Column[]}
 */
export function declared() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-declared-'));
  const env = {
    ...process.env,
    CONFORMANCE_DECLARED: folder,
    CONFORMANCE_REPORT: folder,
    SWC_NODE_PROJECT: 'tsconfig.base.json',
  };
  const { status, stderr } = spawnSync(
    process.execPath,
    ['-r', '@swc-node/register', 'tools/test/declared.cjs'],
    { env, encoding: 'utf8' },
  );
  if (status !== 0)
    throw new Error(`what is declared could not be found out: ${stderr.slice(-2_000)}`);
  const columns = fs
    .readdirSync(folder)
    .sort()
    .map((file) => JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8')));
  fs.rmSync(folder, { recursive: true });
  return columns;
}

/** Sentences, one for each difference between the committed table and the code. */
export function drift() {
  const page = readPage();
  const now = declared();
  /** @param {Column} column */
  const name = ({ technology, kind }) => `${technology}: ${kind}s`;
  const known = new Map(page.columns.map((column) => [name(column), column]));
  const differences = now.flatMap((column) => {
    const was = known.get(name(column));
    known.delete(name(column));
    return was
      ? differencesOf(name(column), was.results, column.results)
      : [`${name(column)}: has no column yet`];
  });
  for (const gone of known.keys())
    differences.push(`${gone}: has a column, but nothing declares it any more`);
  if (!fs.readFileSync(README, 'utf8').includes(shortTable(page)))
    differences.push('the table in the README is another one than the page says');
  return { page, columns: now.length, differences: [...new Set(differences)] };
}

/**
 * @param {string} column
 * @param {Result[]} was
 * @param {Result[]} now
 */
function differencesOf(column, was, now) {
  const rows = new Map(was.map((result) => [result.id, result]));
  const differences = now.flatMap((result) => {
    const row = rows.get(result.id);
    rows.delete(result.id);
    if (row && row.text !== result.text)
      return [`${result.id}: says "${row.text}" in the table, "${result.text}" in the code`];
    return row
      ? cellDifference(row, result).map((what) => `${column}, ${result.id}: ${what}`)
      : [`${column}: ${result.id} has no row yet`];
  });
  return [
    ...differences,
    ...[...rows.keys()].map((id) => `${column}: ${id} has a row, but is no promise any more`),
  ];
}

/**
 * @param {Result} was
 * @param {Result} now
 */
function cellDifference(was, now) {
  if (now.verdict === 'declared') {
    if (was.verdict === 'untested') return []; // said so in the table
    if (was.verdict !== 'held' && was.verdict !== 'failed')
      return [`"${was.verdict}" in the table, but the code tries it now`];
    return was.verdict === 'held' && was.except !== now.except
      ? [`except "${was.except}" in the table, "${now.except}" in the code`]
      : [];
  }
  if (was.verdict !== now.verdict)
    return [`"${was.verdict}" in the table, "${now.verdict}" in the code`];
  return now.verdict === 'not offered' && was.why !== now.why
    ? [`not offered because "${was.why}" in the table, "${now.why}" in the code`]
    : [];
}
