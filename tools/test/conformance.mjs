// npm run conformance: every promise on every technology that can be reached, then the table in
// docs/guarantees.md. What is not offered is printed with its reason. Exits 1 when a promise was
// not held.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../terminal/errors.mjs';
import { declared, drift, laterLine, markOf, PAGE, readPage, writeReadme } from './guarantees.mjs';
import { useTestPostgres } from '../database/test-postgres.mjs';

/** @import { Column, Later, Result, Seen, Verdict } from './guarantees.mjs' */

process.chdir(path.resolve(import.meta.dirname, '../..'));
const TEST_MAY_TAKE_MS = 15 * 60_000;
const JEST = ['node_modules/jest/bin/jest.js', '--config', 'jest.config.js'];
const SPECS = [
  '\\.conformance\\.(int\\.)?spec',
  'memory-store\\.spec',
  'postgres/src/store\\.int\\.spec',
  'saga-store\\.(int\\.)?spec',
];

const USAGE = `npm run conformance [-- <path pattern>] [--write] [--at-once N] [--check]

  Tries every promise on memory, PostgreSQL, gRPC and each broker whose URL is given:
  env $(npm run --silent brokers -- urls) npm run conformance
  Then it writes the table of docs/guarantees.md and the one of the README.

  <path pattern>   only these specs; nothing is written
  --write          with a pattern: their columns replace the former ones, and the page says so
  --at-once N      so many files side by side (1)
  --check          tries nothing; exits 1 when the committed table says other things than the code declares`;

const { options, pattern } = asked();
if (options.help) {
  console.log(USAGE);
  process.exit(0);
}
if (options.check) check();
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-conformance-'));
const totals = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-conformance-totals-'));
const ok = await run();
const columns = results();
print(columns);
if (!pattern) write([...columns, ...notRun(columns)], seenNow(), new Map());
else if (options.write) replace(columns);
for (const made of [folder, totals]) fs.rmSync(made, { recursive: true });
process.exitCode =
  ok && columns.every(({ results }) => results.every(({ verdict }) => verdict !== 'failed'))
    ? 0
    : 1;

function asked() {
  const flags = /** @type {const} */ ({
    write: { type: 'boolean' },
    check: { type: 'boolean' },
    help: { type: 'boolean' },
    'at-once': { type: 'string', default: '1' },
  });
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: flags });
    if (positionals.length > 1)
      throw new Error(`one pattern, not ${positionals.length}: ${positionals.join(' ')}`);
    if (!/^[1-9]$/.test(values['at-once']))
      throw new Error(`--at-once is a number from 1 to 9, not ${values['at-once']}`);
    return { options: values, pattern: positionals[0] };
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

function check() {
  const { page, columns, differences } = drift();
  for (const difference of differences) console.error(`✗ ${difference}`);
  const verdict =
    differences.length === 0
      ? 'it says what the code declares'
      : `${differences.length} differences; npm run conformance writes it anew`;
  console.log(
    `${PAGE}: the run of ${page.date} at ${page.commit}, ${page.columns.length} columns; ${columns} are declared; ${verdict}`,
  );
  process.exit(differences.length === 0 ? 0 : 1);
}

/**
 * Each file in a process of its own: what one leaves behind, heap above all, must not slow down the
 * next.
 */
async function run() {
  const files = execFileSync(
    process.execPath,
    [...JEST, '--listTests', '--testPathPatterns', ...(pattern ? [pattern] : SPECS)],
    { encoding: 'utf8' },
  );
  if (files.trim() === '') {
    console.error(`no spec of conformance has "${pattern}" in its path`);
    process.exit(2);
  }
  const postgres = await useTestPostgres();
  const waiting = files.trim().split('\n').sort();
  const env = {
    ...process.env,
    CONFORMANCE_REPORT: folder,
    PARLEY_TEST_POSTGRES: postgres.url,
    PARLEY_TEST_MAY_TAKE_MS: String(TEST_MAY_TAKE_MS),
    PARLEY_EACH_TEST: 'yes',
  };
  const sum = { passed: 0, failed: 0 };
  const lane = async () => {
    for (let file = waiting.shift(); file; file = waiting.shift()) {
      const { passed, failed } = await runFile(file, env);
      sum.passed += passed;
      sum.failed += failed;
    }
  };
  try {
    await Promise.all(Array.from({ length: Number(options['at-once']) }, lane));
  } finally {
    await postgres.release();
  }
  console.log(`${sum.passed} passed, ${sum.failed} failed`);
  return sum.failed === 0;
}

/**
 * @param {string} file
 * @param {NodeJS.ProcessEnv} env
 */
async function runFile(file, env) {
  const total = path.join(totals, path.basename(file));
  const flags = ['--runInBand', '--forceExit', '--runTestsByPath', file];
  const [code] = await once(
    spawn(process.execPath, [...JEST, ...flags], {
      stdio: 'inherit',
      env: { ...env, PARLEY_TEST_TOTAL: total },
    }),
    'exit',
  );
  const { passed, failed } = fs.existsSync(total)
    ? JSON.parse(fs.readFileSync(total, 'utf8'))
    : { passed: 0, failed: 1 };
  return { passed, failed: failed || (code === 0 ? 0 : 1) };
}

/**
 * One column a technology and kind, each with all promises of its kind.
 * @returns {Column[]}
 */
function results() {
  /** @param {string} file */
  const read = (file) => JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8'));
  return fs.readdirSync(folder).sort().map(read);
}

/**
 * A technology that was not tried, for its broker was not given, has a column that says so.
 * @param {Column[]} columns
 * @returns {Column[]}
 */
function notRun(columns) {
  const run = new Set(columns.map(nameOf));
  /**
   * @param {Result} result
   * @returns {Result}
   */
  const untested = (result) =>
    result.verdict === 'declared'
      ? { ...result, verdict: 'untested', why: 'not run: the URL of its broker was not given' }
      : result;
  return declared()
    .filter((column) => !run.has(nameOf(column)))
    .map((column) => ({ ...column, results: column.results.map(untested) }));
}

function seenNow() {
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
  };
}

/**
 * The columns of these take the place of the former ones.
 * @param {Column[]} columns
 */
function replace(columns) {
  const { date, commit, columns: former, later } = readPage();
  const names = new Set(columns.map(nameOf));
  for (const column of columns) later.set(titleOf(column), seenNow());
  write(
    [...former.filter((column) => !names.has(nameOf(column))), ...columns],
    { date, commit },
    later,
  );
}

/**
 * Declarations, not constants: they are used above.
 * @param {Column} column
 */
function titleOf({ technology, kind }) {
  return `${technology}: ${kind}s`;
}

/** @param {Column} column */
function nameOf({ technology, kind }) {
  return `${technology}, ${kind}`;
}

/** @param {Column[]} all */
function print(all) {
  for (const { technology, kind, results } of all) {
    /** @param {Verdict} verdict */
    const count = (verdict) => results.filter((result) => result.verdict === verdict).length;
    const failed = results
      .filter(({ verdict }) => verdict === 'failed' || verdict === 'untested')
      .map(({ id, verdict }) => `${id} ${verdict}`);
    console.log(
      [
        `${technology}, ${kind}s: ${count('held')} held, ${count('not offered')} not offered`,
        ...failed,
      ].join(', '),
    );
  }
}

/**
 * @param {Column[]} columns
 * @param {Seen} seen
 * @param {Later} later
 */
function write(columns, { date, commit }, later) {
  const all = columns.toSorted((a, b) => nameOf(a).localeCompare(nameOf(b)));
  /** @type {string[]} */
  const notes = [];
  /**
   * @param {string} mark
   * @param {string | undefined} why
   */
  const noted = (mark, why) => {
    if (!why) return mark;
    if (!notes.includes(why)) notes.push(why);
    return `${mark} <sup>${notes.indexOf(why) + 1}</sup>`;
  };
  const texts = new Map(all.flatMap(({ results }) => results.map(({ id, text }) => [id, text])));
  /**
   * @param {Column} column
   * @param {string} id
   */
  const cell = (column, id) => {
    const result = column.results.find((one) => one.id === id);
    return result ? noted(markOf(result.verdict), result.why ?? result.except) : '';
  };
  const rows = [...texts]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([id, text]) => [id, text, ...all.map((column) => cell(column, id))]);
  const heads = all.map(titleOf);
  /** @param {string[]} cells */
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const table = [
    line(['', 'promise', ...heads]),
    line(Array(heads.length + 2).fill('---')),
    ...rows.map(line),
  ];
  const legend =
    '✓ held · — not offered · ✗ failed · ? not tested, see the note · empty: a promise of other kinds';
  const page = [
    '# Guarantees',
    `What each technology was seen to hold, written by \`npm run conformance\` on ${date} at ${commit}. Not edited by hand.`,
    'Each line is a test in `libs/parley/conformance`, named by its sentence and number, tried with real services, the real',
    'pipeline and the technology itself; connections are cut and lost on a road between the two. What stores of inbox, outbox, lanes and',
    'sagas promise is tried by specs of their own in the same run.',
    ...(later.size > 0 ? [laterLine(later)] : []),
    legend,
    table.join('\n'),
    notes.map((why, index) => `${index + 1}. ${why}`).join('\n'),
  ];
  fs.writeFileSync(
    PAGE,
    `${page[0]}\n\n${page[1]}\n${page.slice(2, 5).join('\n')}\n\n${page.slice(5).join('\n\n')}\n`,
  );
  writeReadme(readPage());
  console.log(`${PAGE} and the table in the README are written`);
}
