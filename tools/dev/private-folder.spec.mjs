import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { pathToFileURL } from 'node:url';

const MODULE = pathToFileURL(path.join(import.meta.dirname, 'private-folder.mjs')).href;
/** @type {string} */
let folder;

/** @param {...string} names */
const modeOf = (...names) => (fs.statSync(path.join(folder, ...names)).mode & 0o777).toString(8);
/**
 * In a process of its own, for it changes what the process makes from then on.
 * @param {string} script
 */
const inProcess = (script) =>
  execFileSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { keepPrivate } from '${MODULE}'; import fs from 'node:fs'; import { execSync } from 'node:child_process'; ${script}`,
    ],
    { cwd: folder },
  );

beforeEach(() => void (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-private-'))));
afterEach(() => fs.rmSync(folder, { recursive: true }));

test('what an earlier version left open is closed', () => {
  for (const name of ['mail', 'logs'])
    fs.mkdirSync(path.join(folder, '.data', name), { recursive: true, mode: 0o755 });
  fs.writeFileSync(path.join(folder, '.data/run.json'), '{}', { mode: 0o644 });
  fs.symlinkSync('/etc/hostname', path.join(folder, '.data/link'));
  const linked = fs.statSync('/etc/hostname').mode;
  inProcess('keepPrivate();');
  assert.deepEqual(
    [modeOf('.data', 'mail'), modeOf('.data', 'logs'), modeOf('.data', 'run.json')],
    ['700', '700', '600'],
  );
  assert.equal(fs.statSync('/etc/hostname').mode, linked);
});

test('nobody else lists the folder itself', () => {
  inProcess('keepPrivate();');
  assert.equal(modeOf('.data'), process.getuid?.() === 0 ? '711' : '700');
});

test('what is made from then on is private, by this process and by its children', () => {
  inProcess(
    `keepPrivate(); fs.mkdirSync('.data/logs'); fs.writeFileSync('.data/run.json', ''); execSync('mkdir .data/mail; touch .data/mail/one.eml');`,
  );
  assert.deepEqual(
    [
      modeOf('.data', 'logs'),
      modeOf('.data', 'run.json'),
      modeOf('.data', 'mail'),
      modeOf('.data', 'mail', 'one.eml'),
    ],
    ['700', '600', '700', '600'],
  );
});

for (const tool of ['dev/start', 'dev/serve', 'brokers/place', 'database/shared-postgres']) {
  test(`tools/${tool}.mjs keeps its folder private before it writes there`, () => {
    assert.match(
      fs.readFileSync(path.join(import.meta.dirname, `../${tool}.mjs`), 'utf8'),
      /\bkeepPrivate\(/,
    );
  });
}
