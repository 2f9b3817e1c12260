import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';

const root = path.resolve(import.meta.dirname, '../..');

/**
 * @param {string[]} command
 * @param {Record<string, string>} environment
 */
const run = (command, environment) =>
  spawnSync(process.execPath, command, {
    cwd: root,
    encoding: 'utf8',
    env: {
      ...process.env,
      PARLEY_PORT: undefined,
      PARLEY_POSTGRES_PORT: undefined,
      ...environment,
    },
  });
const BASE = [
  '--input-type=module',
  '-e',
  `import { basePort, postgresPort } from './tools/topology/environment.mjs'; console.log(basePort(), postgresPort());`,
];
const URLS = ['tools/brokers/brokers.mjs', 'urls', 'kafka'];

for (const [command, name, text] of /** @type {const} */ ([
  [BASE, 'PARLEY_PORT', 'abc'],
  [BASE, 'PARLEY_PORT', '-5'],
  [BASE, 'PARLEY_PORT', '0'],
  [BASE, 'PARLEY_PORT', '4000.5'],
  [BASE, 'PARLEY_PORT', '65000'],
  [BASE, 'PARLEY_POSTGRES_PORT', '99999'],
  [URLS, 'KAFKA_PORT', 'abc'],
  [URLS, 'KAFKA_PORT', '65534'],
]))
  test(`${name}=${text} is refused in one sentence`, () => {
    const { status, stdout, stderr } = run([...command], { [name]: text });
    assert.match(
      stderr,
      new RegExp(`^${name}=${text}: a port is needed, a whole number from 1 to \\d+\\.\\n$`),
    );
    assert.equal(stdout, '');
    assert.equal(status, 2);
  });

test('a port that is not set, or set to nothing, is the usual one', () => {
  assert.equal(run(BASE, { PARLEY_PORT: '' }).stdout, '4000 25432\n');
});

test('a port that is set is taken', () => {
  const { stdout } = run(BASE, { PARLEY_PORT: '28000', PARLEY_POSTGRES_PORT: '27432' });
  assert.equal(stdout, '28000 27432\n');
  assert.match(run(URLS, { KAFKA_PORT: '19092' }).stdout, /^KAFKA_URL=kafka:\/\/127.0.0.1:19092$/m);
});
