import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { writeRun } from '../dev/run-file.mjs';
import { ConsoleApi } from './console-api.mjs';

let server;
let consoleUrl;
let asked;

before(async () => {
  process.chdir(fs.mkdtempSync(path.join(os.tmpdir(), 'parley-console-')));
  server = http.createServer(({ headers }, response) => {
    asked.push(headers.authorization);
    response.end('[]');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  consoleUrl = `http://127.0.0.1:${server.address().port}`;
});
beforeEach(() => {
  asked = [];
  delete process.env.CONSOLE_URL;
  delete process.env.OPERATIONS_TOKEN;
});
after(() => {
  server.close();
  const folder = process.cwd();
  process.chdir(os.tmpdir());
  fs.rmSync(folder, { recursive: true });
});

const askedWith = async () => {
  await new ConsoleApi().get('services');
  return asked;
};

test('nothing runs: a sentence says what to type', () =>
  assert.throws(() => new ConsoleApi(), {
    message: /^Parley is not running here: type "npm start"/,
  }));

test('the console and the token are those of the start that runs here', async () => {
  writeRun({ consoleUrl, operationsToken: 'token-of-the-running-start' });
  assert.deepEqual(await askedWith(), ['Bearer token-of-the-running-start']);
});

test('the token of this shell wins', async () => {
  writeRun({ consoleUrl, operationsToken: 'token-of-the-running-start' });
  process.env.OPERATIONS_TOKEN = 'token-of-this-shell';
  assert.deepEqual(await askedWith(), ['Bearer token-of-this-shell']);
});

test('another console is not told the token of the start that runs here', async () => {
  writeRun({ consoleUrl: 'http://127.0.0.1:1', operationsToken: 'token-of-the-running-start' });
  process.env.CONSOLE_URL = consoleUrl;
  assert.deepEqual(await askedWith(), [undefined]);
});
