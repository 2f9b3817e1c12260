// npm run conformance [-- <path pattern> [--write]]: every promise on every technology that can be reached (RABBITMQ_URL, REDIS_URL …),
// one after the other, then the table in docs/guarantees.md. What is not offered is printed with its reason. Exits 1 when a promise
// was not held. With a pattern only those specs; with --write their columns, too, replace the former ones, and the page says so.
// With --check nothing is tried: exits 1 when the committed table says other things than the code declares.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { declared, drift, laterLine, MARK, PAGE, readPage, writeReadme } from './guarantees.mjs';
import { useTestPostgres } from './test-postgres.mjs';

process.chdir(path.dirname(import.meta.dirname));
const FILE_MAY_TAKE = 15 * 60_000;
const SPECS = ['\\.conformance\\.(int\\.)?spec', 'memory-store\\.spec', 'postgres/src/store\\.int\\.spec', 'saga-store\\.(int\\.)?spec'];

if (process.argv.includes('--check')) check();
const pattern = process.argv.slice(2).find((argument) => !argument.startsWith('--'));
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-conformance-'));
const ok = await run();
const columns = results();
print(columns);
if (!pattern) write([...columns, ...notRun(columns)], seenNow(), new Map());
else if (process.argv.includes('--write')) replace(columns);
fs.rmSync(folder, { recursive: true });
process.exitCode = ok && columns.every(({ results }) => results.every(({ verdict }) => verdict !== 'failed')) ? 0 : 1;

function check() {
  const { page, columns, differences } = drift();
  for (const difference of differences) console.error(`✗ ${difference}`);
  const verdict = differences.length === 0 ? 'it says what the code declares' : `${differences.length} differences; npm run conformance writes it anew`;
  console.log(`${PAGE}: the run of ${page.date} at ${page.commit}, ${page.columns.length} columns; ${columns} are declared; ${verdict}`);
  process.exit(differences.length === 0 ? 0 : 1);
}

async function run() {
  const postgres = await useTestPostgres();
  const env = { ...process.env, CONFORMANCE_REPORT: folder, PARLEY_TEST_POSTGRES: postgres.url, PARLEY_FILE_MAY_TAKE: String(FILE_MAY_TAKE) };
  const flags = ['--config', 'jest.config.js', '--runInBand', '--forceExit', '--testPathPatterns', ...(pattern ? [pattern] : SPECS)];
  try {
    const [code] = await once(spawn(process.execPath, ['node_modules/jest/bin/jest.js', ...flags], { stdio: 'inherit', env }), 'exit');
    return code === 0;
  } finally {
    await postgres.release();
  }
}

/** One column a technology and kind, each with all promises of its kind. */
function results() {
  const read = (file) => JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8'));
  return fs.readdirSync(folder).sort().map(read);
}

/** What was not tried, for its broker was not given, has a column that says so. */
function notRun(columns) {
  const run = new Set(columns.map(nameOf));
  const untested = (result) => (result.verdict === 'declared' ? { ...result, verdict: 'untested', why: 'not run: the URL of its broker was not given' } : result);
  return declared()
    .filter((column) => !run.has(nameOf(column)))
    .map((column) => ({ ...column, results: column.results.map(untested) }));
}

function seenNow() {
  return { date: new Date().toISOString().slice(0, 10), commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim() };
}

/** The columns of these take the place of the former ones. */
function replace(columns) {
  const { date, commit, columns: former, later } = readPage();
  const names = new Set(columns.map(nameOf));
  for (const column of columns) later.set(titleOf(column), seenNow());
  write([...former.filter((column) => !names.has(nameOf(column))), ...columns], { date, commit }, later);
}

/** Declarations, not constants: they are used above. */
function titleOf({ technology, kind }) {
  return `${technology}: ${kind}s`;
}

function nameOf({ technology, kind }) {
  return `${technology}, ${kind}`;
}

function print(all) {
  for (const { technology, kind, results } of all) {
    const count = (verdict) => results.filter((result) => result.verdict === verdict).length;
    const failed = results.filter(({ verdict }) => verdict === 'failed' || verdict === 'untested').map(({ id, verdict }) => `${id} ${verdict}`);
    console.log([`${technology}, ${kind}s: ${count('held')} held, ${count('not offered')} not offered`, ...failed].join(', '));
  }
}

function write(columns, { date, commit }, later) {
  const all = columns.toSorted((a, b) => nameOf(a).localeCompare(nameOf(b)));
  const notes = [];
  const noted = (mark, why) => {
    if (!why) return mark;
    if (!notes.includes(why)) notes.push(why);
    return `${mark} <sup>${notes.indexOf(why) + 1}</sup>`;
  };
  const says = new Map(all.flatMap(({ results }) => results.map(({ id, says }) => [id, says])));
  const cell = (column, id) => {
    const result = column.results.find((one) => one.id === id);
    return result ? noted(MARK[result.verdict], result.why ?? result.except) : '';
  };
  const rows = [...says].sort(([a], [b]) => a.localeCompare(b)).map(([id, text]) => [id, text, ...all.map((column) => cell(column, id))]);
  const heads = all.map(titleOf);
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const table = [line(['', 'promise', ...heads]), line(Array(heads.length + 2).fill('---')), ...rows.map(line)];
  const legend = '✓ held · — not offered · ✗ failed · ? not tested, see the note · empty: a promise of other kinds';
  const page = [
    '# Guarantees',
    `What each technology was seen to hold, written by \`npm run conformance\` on ${date} at ${commit}. Not edited by hand.`,
    'Each line is a test in `libs/parley/testing/src/conformance`, named by its sentence and number, tried with real services, the real',
    'pipeline and the technology itself; connections are cut and lost on a road between the two. What stores of inbox, outbox, lanes and',
    'sagas promise is tried by specs of their own in the same run.',
    ...(later.size > 0 ? [laterLine(later)] : []),
    legend,
    table.join('\n'),
    notes.map((why, index) => `${index + 1}. ${why}`).join('\n'),
  ];
  fs.writeFileSync(PAGE, `${page[0]}\n\n${page[1]}\n${page.slice(2, 5).join('\n')}\n\n${page.slice(5).join('\n\n')}\n`);
  writeReadme(readPage());
  console.log(`${PAGE} and the table in the README are written`);
}
