import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostOf } from './start-checks.mjs';

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
