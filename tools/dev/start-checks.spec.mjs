import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { checkFolders, keepPrivate } from './private-folder.mjs';
import { hostOf } from './start-checks.mjs';
import { Mistake } from '../terminal/errors.mjs';

/** @type {[url: string, host: ReturnType<typeof hostOf>][]} */
const HOSTS = [
  ['redis://127.0.0.1:6379', { hostname: '127.0.0.1', port: '6379' }],
  ['amqp://guest:guest@broker.example:5672/vhost', { hostname: 'broker.example', port: '5672' }],
  ['kafka://one:9092,two:9092', { hostname: 'one', port: '9092' }],
  ['redis://[::1]:6379', { hostname: '::1', port: '6379' }],
  ['amqp://guest:guest@[fe80::1]:5672', { hostname: 'fe80::1', port: '5672' }],
  ['sqs://eu-west-1', undefined],
];

for (const [url, expected] of HOSTS)
  test(`the first host of ${url}`, () => assert.deepEqual(hostOf(url), expected));

test('a file in place of a folder is told in a sentence, by all that write there', () => {
  const place = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-folders-'));
  const [file, folder] = [path.join(place, 'file'), path.join(place, 'folder')];
  fs.writeFileSync(file, '');
  fs.mkdirSync(folder);
  const reported = new Mistake(`${file} is a file, where Parley keeps a folder: move it away.`);
  assert.throws(() => checkFolders([folder, file]), reported);
  assert.throws(() => keepPrivate(file), reported);
  checkFolders([folder, path.join(place, 'missing')]);
  fs.rmSync(place, { recursive: true });
});
