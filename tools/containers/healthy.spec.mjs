import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { afterEach, test } from 'node:test';

const HEALTHY = path.resolve(import.meta.dirname, '../../docker/healthy.mjs');
const hasIPv6 = Object.values(os.networkInterfaces()).some((addresses) =>
  addresses?.some(({ family }) => family === 'IPv6'),
);
/** @type {http.Server | undefined} */
let service;

afterEach(() => void service?.close());

/**
 * A service that is live and not ready.
 * @param {string} host
 */
async function listensOn(host) {
  service = http.createServer(({ url }, response) =>
    response.writeHead(url === '/health/live' ? 200 : 503).end(),
  );
  await once(service.listen(0, host), 'listening');
  return String(/** @type {import('node:net').AddressInfo} */ (service.address()).port);
}

/**
 * @param {Record<string, string>} env
 * @param {string} [what]
 * @returns the code it exits with
 */
async function healthy(env, what = 'live') {
  const [code] = await once(spawn(process.execPath, [HEALTHY, what], { env }), 'exit');
  return code;
}

for (const [HOST, listening] of [
  ['127.0.0.1', '127.0.0.1'],
  ['127.0.0.2', '127.0.0.2'],
  ['0.0.0.0', '0.0.0.0'],
  ['', '127.0.0.1'],
  ['::', '127.0.0.1'], // a machine without IPv6
  ...(hasIPv6
    ? [
        ['::1', '::1'],
        ['::', '::'],
      ]
    : []),
])
  test(`a container is asked where its service listens: HOST "${HOST}" is ${listening}`, async () => {
    const PORT = await listensOn(String(listening));
    assert.equal(await healthy({ HOST: String(HOST), PORT }), 0);
  });

test('a container whose service is not ready, or does not listen, is told apart', async () => {
  const PORT = await listensOn('127.0.0.1');
  assert.equal(await healthy({ PORT }, 'ready'), 1);
  assert.equal(await healthy({ HOST: '127.0.0.2', PORT }), 1);
});
