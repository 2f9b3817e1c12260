// npm test [-- pattern]: every spec of every project in one run of Jest, on one embedded PostgreSQL, and the type tests.
// The last line is the sum of all: `N passed, N failed`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { useTestPostgres } from './test-postgres.mjs';

process.chdir(path.dirname(import.meta.dirname));
const args = process.argv.slice(2);
const total = path.join(os.tmpdir(), `parley-test-total-${process.pid}`);

let running;
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => endGroup(signal));

/** Jest leaves its workers to themselves when it is stopped, and one may be blocked: the whole group goes. */
function endGroup(signal) {
  try {
    process.kill(-running.pid, signal);
  } catch {
    // nobody left in it
  }
}

async function run(program, flags, env = {}) {
  running = spawn(process.execPath, [program, ...flags], {
    stdio: 'inherit',
    env: { ...process.env, ...env },
    detached: true,
  });
  const [code] = await once(running, 'exit');
  endGroup('SIGKILL');
  return code === 0;
}

/** What must compile and, in `*.test-d.ts`, what must not: the whole tree counts as one test. */
async function types() {
  const ok = await run('node_modules/typescript/bin/tsc', ['-p', 'tsconfig.json']);
  console.log(`${ok ? '✓' : '✗'} types of the whole tree, type tests among them`);
  return ok;
}

async function specs() {
  const postgres = await useTestPostgres();
  try {
    const flags = ['--config', 'jest.config.js', ...args];
    return await run('node_modules/jest/bin/jest.js', flags, {
      PARLEY_TEST_POSTGRES: postgres.url,
      PARLEY_TEST_TOTAL: total,
    });
  } finally {
    await postgres.release();
  }
}

/** Jest's sum with the type check added; without one, Jest itself broke down. */
function sum(specsOk, typesOk) {
  const text = fs.existsSync(total) ? fs.readFileSync(total, 'utf8') : '0 passed, 0 failed';
  fs.rmSync(total, { force: true });
  const [passed, failed, skipped = 0] = text.match(/\d+/g).map(Number);
  const broken = !specsOk && failed === 0 ? 1 : 0;
  const sums = { passed: passed + (typesOk ? 1 : 0), failed: failed + broken + (typesOk === false ? 1 : 0) };
  return `${sums.passed} passed, ${sums.failed} failed${skipped ? `, ${skipped} skipped` : ''}`;
}

const typesOk = args.length ? undefined : await types(); // a pattern asks for some specs only
const specsOk = await specs();
console.log(sum(specsOk, typesOk));
process.exitCode = specsOk && typesOk !== false ? 0 : 1;
