import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { writeEnv } from './environment-file.mjs';

/** @import { TestContext } from 'node:test' */

/** @param {TestContext} t @returns {{ file: string, read: () => Record<string, string> }} */
function file(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-env-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const file = path.join(folder, '.env');
  /** @param {string} line @returns {[string, string]} */
  const pair = (line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)];
  const read = () =>
    Object.fromEntries(fs.readFileSync(file, 'utf8').split('\n').filter(Boolean).map(pair));
  return { file, read };
}

test('each technology gets the kinds that npm start gives it', (t) => {
  const { file: env, read } = file(t);
  writeEnv(env, { on: ['activemq', 'kinesis', 'mqtt'] });
  const given = read();
  assert.equal(
    given['PARLEY_COMMANDS_URL'],
    `activemq://parley:${given['PARLEY_ACTIVEMQ_PASSWORD']}@activemq:61616`,
  );
  assert.equal(given['PARLEY_BROADCASTS_URL'], given['PARLEY_COMMANDS_URL']);
  assert.match(String(given['PARLEY_EVENTS_URL']), /@kinesis:4567\?insecure=true$/);
  assert.equal(
    given['PARLEY_BROADCASTS_URL_SHIPPING_PARCEL_LOCATED'],
    'mqtt://mqtt:1883?by=parcelId&retain=true',
  );
  assert.equal(given['COMPOSE_PROFILES'], 'activemq,kinesis,mqtt');
});

test('on postgres again, no technology is left', (t) => {
  const { file: env, read } = file(t);
  writeEnv(env, { on: ['sqs', 'mqtt'] });
  assert.match(String(read()['PARLEY_COMMANDS_URL']), /^sqs:/);
  writeEnv(env, { on: ['postgres'] });
  const left = Object.entries(read()).filter(([name, value]) => /_URL/.test(name) && value);
  assert.deepEqual(left, []);
  assert.equal(read()['COMPOSE_PROFILES'], '');
});

test('passwords, and what is not asked for, stay', (t) => {
  const { file: env, read } = file(t);
  writeEnv(env, { on: ['redis'] });
  const { PARLEY_REDIS_PASSWORD: password } = read();
  fs.appendFileSync(env, 'PARLEY_LOG_LEVEL=debug\n');
  writeEnv(env, {});
  assert.equal(read()['PARLEY_REDIS_PASSWORD'], password);
  assert.equal(read()['PARLEY_BROADCASTS_URL'], `redis://:${password}@redis:6379`);
  assert.equal(read()['PARLEY_LOG_LEVEL'], 'debug');
});

test('traces go to the collector while it runs', (t) => {
  const { file: env, read } = file(t);
  writeEnv(env, { on: ['kafka'], observe: true });
  assert.equal(read()['PARLEY_TRACES_URL'], 'http://collector:4318');
  assert.equal(read()['COMPOSE_PROFILES'], 'kafka,observe');
  writeEnv(env, { observe: false });
  assert.equal(read()['PARLEY_TRACES_URL'], '');
  assert.equal(read()['COMPOSE_PROFILES'], 'kafka');
});
