import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const root = path.resolve(import.meta.dirname, '../..');
/** @type {{ scripts: Record<string, string> }} */
const { scripts } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));

const OURS = /^(?:exec )?node ((?:tools|bench|chaos)\/\S+\.mjs)(?: --\S+)*$/;
const commands = Object.entries(scripts).filter(([name]) => !/^pre(?!pare)/.test(name));

test('each command of package.json is one program of ours, which gets what is typed behind it', () => {
  assert.ok(commands.length > 15);
  assert.deepEqual(
    commands.filter(([, command]) => !OURS.test(command)),
    [],
  );
});

for (const [name, command] of commands)
  test(`npm run ${name} -- --help says how it is used, and does nothing`, async () => {
    const file = OURS.exec(command)?.[1] ?? '';
    const before = fs.readdirSync(root);
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file, '--help'], {
      cwd: root,
    });
    assert.match(stdout, new RegExp(`^npm (?:run )?${name}\\b`));
    assert.equal(stderr, '');
    assert.deepEqual(fs.readdirSync(root), before);
  });
