// Changes of a running start with processes of their own, which listen, say what happens to them,
// and drain.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { instanceOf } from '../topology/environment.mjs';
import { topology } from '../topology/topology.mjs';
import { inEmptyFolder } from './empty-folder.fixture.mjs';
import { Fleet } from './fleet.mjs';
import { isReady } from './readiness.mjs';
import { LOGS, Supervised } from './supervised.mjs';

/** @import { Instance } from '../topology/environment.mjs' */

process.env.PARLEY_PORT = String(11_000 + (process.pid % 500) * 10);
const STEPS = 'steps';
const MAIN = `
  const fs = require('node:fs');
  const { INSTANCE, PORT } = process.env;
  const step = (text) => fs.appendFileSync('${STEPS}', INSTANCE + ' ' + text + '\\n');
  const server = require('node:http').createServer((_, response) => response.end());
  server.listen(Number(PORT), '127.0.0.1', () => step('accepts'));
  process.on('SIGTERM', () => (step('drained'), process.exit(0)));
`;
const REFUSING = `console.error('CONFIG is missing'); process.exit(1);`;

/** @type {Supervised[]} */
let running = [];
let isStopping = false;

inEmptyFolder(() => fs.mkdirSync(LOGS, { recursive: true }));
beforeEach(async () => {
  isStopping = false;
  running = [];
  install('catalog', MAIN);
  await fleet().change({ scale: { catalog: 1 } }, () => undefined);
  fs.writeFileSync(STEPS, '');
});
afterEach(() => Promise.all(running.map((service) => service.stop(1_000))));

/**
 * @param {string} service
 * @param {string} main
 */
function install(service, main) {
  const file = `dist/apps/${service}/src/main.js`;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, main);
}

/** @param {string} text */
const step = (text) => fs.appendFileSync(STEPS, `${text}\n`);
const steps = () => fs.readFileSync(STEPS, 'utf8').trim().split('\n').filter(Boolean);
const names = () => running.map(({ instance }) => instance.name).sort();

function fleet() {
  return new Fleet(running, {
    create: (instance) =>
      new Supervised(instance, { PORT: String(instance.port), INSTANCE: instance.name }),
    list: ({ name }) => step(`${name} listed`),
    unlist: ({ name }) => step(`${name} unlisted`),
    stop: (service) => service.stop(5_000),
    changed: () => undefined,
    isStopping: () => isStopping,
  });
}

/** @param {import('./changes.mjs').Change} change */
async function change(change) {
  /** @type {string[]} */
  const said = [];
  await fleet().change(change, (line) => said.push(line));
  return said;
}

test('an added instance is listed when it is ready', async () => {
  const said = await change({ scale: { catalog: 2 } });
  assert.deepEqual(steps(), ['catalog-2 accepts', 'catalog-2 listed']);
  assert.deepEqual(said, ['catalog-2 is ready', 'catalog: 2 instances']);
  assert.deepEqual(names(), ['catalog-1', 'catalog-2']);
});

test('a removed instance is taken off the list before it drains, the last one first', async () => {
  await change({ scale: { catalog: 3 } });
  fs.writeFileSync(STEPS, '');
  await change({ scale: { catalog: 2 } });
  assert.deepEqual(steps(), ['catalog-3 unlisted', 'catalog-3 drained']);
  assert.deepEqual(names(), ['catalog-1', 'catalog-2']);
});

test('as many as there are: nothing is changed', async () => {
  assert.deepEqual(await change({ scale: { catalog: 1 } }), ['catalog: 1 instance']);
  assert.deepEqual(steps(), []);
});

test('a restart replaces the only instance at its own port, while another stands in', async () => {
  const [old] = running;
  await change({ restart: ['catalog'] });
  assert.deepEqual(steps(), [
    'catalog-2 accepts',
    'catalog-2 listed',
    'catalog-1 unlisted',
    'catalog-1 drained',
    'catalog-1 accepts',
    'catalog-1 listed',
    'catalog-2 unlisted',
    'catalog-2 drained',
  ]);
  assert.deepEqual(names(), ['catalog-1']);
  assert.notEqual(running[0]?.pid, old?.pid);
  assert.ok(await isReady(String(running[0]?.instance.url)));
});

test('a restart of all leaves no service out, and never has fewer instances than before', async () => {
  install('orders', MAIN);
  await change({ scale: { catalog: 2, orders: 1 } });
  const before = running.map(({ pid }) => pid);
  fs.writeFileSync(STEPS, '');
  await change({ restart: 'all' });
  assert.deepEqual(names(), ['catalog-1', 'catalog-2', 'orders-1']);
  assert.ok(running.every(({ pid }) => !before.includes(pid)));
  const listed = { catalog: 2, orders: 1 };
  for (const line of steps()) {
    const service = line.startsWith('catalog') ? 'catalog' : 'orders';
    if (line.endsWith(' listed')) listed[service]++;
    if (line.endsWith(' unlisted')) listed[service]--;
    assert.ok(listed[service] >= { catalog: 2, orders: 1 }[service], line);
  }
});

test('what cannot start is told, ends, and leaves the old instance in place', async () => {
  install('catalog', REFUSING);
  const [old] = running;
  await assert.rejects(
    change({ restart: ['catalog'] }),
    /catalog-2 cannot start: CONFIG is missing/,
  );
  assert.deepEqual(running, [old]);
  assert.deepEqual(steps(), []);
  assert.ok(await isReady(String(old?.instance.url)));
});

test('a service that does not run is not restarted, but can be started', async () => {
  install('orders', MAIN);
  await assert.rejects(
    change({ restart: ['orders'] }),
    /orders does not run here: "npm run parley -- scale orders=1" starts it/,
  );
  await change({ scale: { orders: 1 } });
  assert.deepEqual(names(), ['catalog-1', 'orders-1']);
});

test('ports that somebody else has are left out', async () => {
  const catalog = topology.find(({ name }) => name === 'catalog');
  assert.ok(catalog);
  const served = new Supervised(instanceOf(catalog, 1), {
    PORT: String(instanceOf(catalog, 1).port),
    INSTANCE: 'served',
  });
  const ready = new Promise((resolve) => served.once('ready', resolve));
  served.start();
  await ready;
  await change({ scale: { catalog: 2 } });
  assert.deepEqual(names(), ['catalog-1', 'catalog-3']);
  await served.stop(1_000);
});

test('while the start stops, nothing is started', async () => {
  isStopping = true;
  await assert.rejects(change({ scale: { catalog: 2 } }), /npm start stops/);
  assert.deepEqual(names(), ['catalog-1']);
});
