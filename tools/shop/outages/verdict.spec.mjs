import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { namesOf } from './harm.mjs';
import { statusTable } from './table.mjs';
import { failuresOf } from './verdict.mjs';

/** @param {number | string} status */
const answer = (status) => ({ route: 'POST /orders', status, took: 20 });
const tried = {
  name: 'catalog-killed',
  during: [202, 503, 504, 'no answer'].map(answer),
  recovered: '1.1 s',
};
const untried = { name: 'redis-away', during: [], untried: 'BROKERS_DIR is not set' };

test('a run in which every outage was tried and told as one is well', () =>
  assert.deepEqual(failuresOf([tried]), []));

test('an outage that could not be tried fails the run, and is named with the reason', () => {
  assert.deepEqual(failuresOf([tried, untried]), [
    'Not tried:\nredis-away: BROKERS_DIR is not set\n--without-brokers leaves out those of brokers.',
  ]);
  assert.match(
    statusTable([tried, untried], true, () => ''),
    /\| redis-away \|.*\| not tried: BROKERS_DIR is not set \|/,
  );
});

test('a 500 fails the run, and names its route once', () =>
  assert.deepEqual(failuresOf([{ ...tried, during: [500, 500, 503].map(answer) }]), [
    '500 where an outage should be told:\ncatalog-killed: POST /orders',
  ]));

test('without brokers, their outages are left out, and no others', () => {
  const [all, without] = [namesOf({}), namesOf({ withoutBrokers: true })];
  assert.deepEqual(
    all.filter((name) => !without.includes(name)),
    ['redis-away', 'rabbitmq-away'],
  );
});

test('an outage that does not exist, or is left out, is refused', () => {
  assert.throws(() => namesOf({ only: 'lunch' }), /There is no outage "lunch"/);
  assert.throws(
    () => namesOf({ only: 'orders-hung,redis-away', withoutBrokers: true }),
    /redis-away is an outage of a broker/,
  );
});

test('--help tells how to leave out the brokers', () => {
  const command = [`${import.meta.dirname}/../outages.mjs`, '--help'];
  assert.match(execFileSync(process.execPath, command, { encoding: 'utf8' }), /--without-brokers/);
});
