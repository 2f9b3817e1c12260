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

test('a file in the place of a folder above it is said in one sentence', () => {
  fs.writeFileSync(path.join(folder, '.data'), '');
  inProcess(
    `try { keepPrivate('.data/brokers'); } catch ({ constructor, message }) { fs.writeFileSync('said', constructor.name + ': ' + message); }`,
  );
  assert.equal(
    fs.readFileSync(path.join(folder, 'said'), 'utf8'),
    'Mistake: .data is a file, where Parley keeps a folder: move it away.',
  );
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

for (const tool of [
  'tools/dev/start',
  'tools/dev/serve',
  'tools/brokers/place',
  'tools/database/shared-postgres',
  'bench/bench',
  'chaos/run',
]) {
  test(`${tool}.mjs keeps its folder private before it writes there`, () => {
    assert.match(
      fs.readFileSync(path.join(import.meta.dirname, `../../${tool}.mjs`), 'utf8'),
      /\bkeepPrivate\(/,
    );
  });
}

for (const tool of [
  'tools/database/install',
  'tools/containers/images',
  'tools/shop/fuzz',
  'tools/console/measure',
  'tools/auth/login-file',
])
  test(`${tool}.mjs makes no folder that others can list`, () => {
    const text = fs.readFileSync(path.join(import.meta.dirname, `../../${tool}.mjs`), 'utf8');
    const made = text.match(/mkdirSync\(.*/g) ?? [];
    assert.ok(made.length > 0);
    for (const line of made) assert.match(line, /mode: 0o700/);
  });
