import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { instanceOf } from '../topology/environment.mjs';
import { topology } from '../topology/topology.mjs';
import { environmentBeside } from './serve-environment.mjs';

const inTopology = topology.find(({ name }) => name === 'orders');
assert.ok(inTopology);
const orders = instanceOf(inTopology, 1);
const databaseUrls = { orders: 'postgres://orders@127.0.0.1:5432/parley' };
/** As `npm start -- --on rabbitmq` at other ports writes it down. */
const run = {
  environment: {
    COMMANDS_URL: 'amqp://127.0.0.1:5672',
    CALLS_URL_CATALOG: 'grpc://127.0.0.1:41020',
    PAYMENT_PROVIDER_URL: 'http://127.0.0.1:40090',
    BROADCASTS_URL_SHIPPING_PARCEL_LOCATED: 'mqtt://127.0.0.1:1883?retain=true',
  },
  operationsToken: 'token-of-the-running-start',
};
const OURS = [...Object.keys(run.environment), 'OPERATIONS_TOKEN'];

for (const name of OURS) delete process.env[name];
afterEach(() => OURS.forEach((name) => delete process.env[name]));

test('beside a start: its technologies, addresses and token, by what it wrote down', () => {
  const environment = environmentBeside(run, orders, databaseUrls);
  for (const [name, value] of Object.entries(run.environment))
    assert.equal(environment[name], value, name);
  assert.equal(environment.OPERATIONS_TOKEN, run.operationsToken);
  assert.equal(environment.DATABASE_URL, databaseUrls.orders);
  assert.deepEqual([environment.INSTANCE, environment.PORT], [orders.name, String(orders.port)]);
});

test('the variables of this shell win', () => {
  process.env.COMMANDS_URL = 'kafka://127.0.0.1:9092';
  process.env.OPERATIONS_TOKEN = 'token-of-this-shell';
  const environment = environmentBeside(run, orders, databaseUrls);
  assert.equal(environment.COMMANDS_URL, 'kafka://127.0.0.1:9092');
  assert.equal(environment.CALLS_URL_CATALOG, run.environment.CALLS_URL_CATALOG);
  assert.equal(environment.OPERATIONS_TOKEN, 'token-of-this-shell');
});

test('alone: on PostgreSQL, and without a token', () => {
  const environment = environmentBeside(undefined, orders, databaseUrls);
  assert.equal(environment.COMMANDS_URL, undefined);
  assert.equal(environment.OPERATIONS_TOKEN, undefined);
  assert.equal(environment.DATABASE_URL, databaseUrls.orders);
});
