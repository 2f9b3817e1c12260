import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { transformFile } from '@swc/core';
import { leftOut, LONG_SPECS, untried } from './spec-sets.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const long = Object.keys(LONG_SPECS);
const specs = ['apps', 'libs', 'tools', 'chaos'].flatMap((folder) =>
  fs
    .readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.spec\.(?:ts|mjs)$/.test(name) && !name.includes('node_modules'))
    .map((name) => path.join(folder, name)),
);
const BROKERS = {
  ACTIVEMQ_URL: 'amqp://here',
  KAFKA_URL: 'kafka://here',
  KINESIS_URL: 'kinesis://here',
  MQTT_URL: 'mqtt://here',
  RABBITMQ_URL: 'rabbitmq://here',
  REDIS_URL: 'redis://here',
  SQS_URL: 'sqs://here',
};

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {boolean} all
 */
const without = (env, all) => {
  const patterns = leftOut(env, { all }).map((pattern) => new RegExp(pattern));
  return specs.filter((file) => patterns.some((pattern) => pattern.test(`/checkout/${file}`)));
};

/**
 * The promises as the suites read them, not as text.
 * @returns {Promise<[number: string, { fast?: true, kinds: string[] }][]>}
 */
async function declared() {
  const { code } = await transformFile(
    path.join(root, 'libs/parley/conformance/src/guarantees.ts'),
    { swcrc: false, jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } },
  );
  const { guarantees } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  return Object.entries(guarantees);
}

describe('the sets of specs', () => {
  it('leave out long specs, which are there, and with --all none', () => {
    assert.deepEqual(without(BROKERS, false).sort(), [...long].sort());
    assert.deepEqual(without(BROKERS, true), []);
  });

  it('leave out the specs of a broker that is not given, and no others of its technology', () => {
    const { KAFKA_URL: _, ...others } = BROKERS;
    const found = without(others, true);
    assert.ok(found.length > 3);
    for (const file of found)
      assert.match(file, /^libs\/parley\/transports\/kafka\/src\/.*\.int\.spec\.ts$/);
  });

  it('are told apart at the end of a run: files, promises and brokers by name', () => {
    const told = untried({}, { all: false }).join('\n');
    for (const file of long) assert.ok(told.includes(`${file}: ${LONG_SPECS[file]}`), file);
    assert.match(told, /node --test tools\/build\/pack\.spec\.mjs/);
    assert.match(told, /npm test -- --all/);
    assert.match(told, /\d+ of \d+ promises \((?:T\d+ ?)+\)/);
    assert.match(told, /no broker was given: every promise and spec of activemq, kafka/);
    const all = untried(BROKERS, { all: true }).join('\n');
    assert.doesNotMatch(all, /Left out|no broker/);
    assert.deepEqual(untried({ CONFORMANCE_REPORT: 'folder' }, { all: true }), []);
  });

  it('name each program that is missing, with its spec and its package', () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-programs-'));
    fs.writeFileSync(path.join(folder, 'promtool'), '');
    const told = untried({ ...BROKERS, PATH: `/nowhere:${folder}` }, { all: true }).join('\n');
    fs.rmSync(folder, { recursive: true });
    assert.match(told, /pgbouncer is not installed: .*\((\S+)\); apt-get install pgbouncer/);
    assert.doesNotMatch(told, /promtool/);
    for (const [, spec = ''] of untried({}, { all: true })
      .join('\n')
      .matchAll(/\((\S+\.ts)\)/g))
      assert.ok(fs.existsSync(path.join(root, spec)), spec);
  });

  it('tell exactly the promises that no test of the run tried', async () => {
    const promises = await declared();
    /** @param {string[]} numbers */
    const sentence = (numbers) =>
      `Not tried here, for they take longer: ${numbers.length} of ${promises.length} promises (${numbers.join(' ')})`;
    const slow = promises.filter(([, { fast }]) => !fast).map(([number]) => number);
    assert.ok(untried(BROKERS, { all: true }).join('\n').includes(sentence(slow)));
    const leftOutToo = promises.filter(([, { fast, kinds }]) => !fast || !kinds.includes('call'));
    const told = untried(BROKERS, { all: false }).join('\n');
    assert.ok(told.includes(sentence(leftOutToo.map(([number]) => number))));
  });

  it('are all run by CI', () => {
    const ci = fs.readFileSync(path.join(root, '.ci/run'), 'utf8');
    assert.match(ci, /tools\/test\/test\.mjs .*--all/);
  });
});
