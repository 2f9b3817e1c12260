import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { processesIn } from './process-tree.mjs';

test('processes are found by the folder that they work in', async (t) => {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'parley-process-tree-')));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  assert.deepEqual(processesIn(folder), []);

  const child = spawn(process.execPath, ['-e', 'process.stdin.resume(); console.log()'], {
    cwd: folder,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill());
  await once(child.stdout, 'data');
  assert.deepEqual(processesIn(folder), [child.pid]);
  assert.deepEqual(processesIn(path.dirname(folder)).includes(child.pid ?? 0), false);

  child.stdin.end();
  await once(child, 'exit');
  assert.deepEqual(processesIn(folder), []);
});
