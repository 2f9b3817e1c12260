// Starts the whole system as a newcomer would, sends orders through it, stops it, and looks at what is left.
// Ends with `N passed, N failed`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSame } from './process-tree.mjs';
import { readRun } from './run-file.mjs';
import { readJson } from './http-json.mjs';

process.chdir(path.dirname(import.meta.dirname));

const READY_WITHIN = 120_000;
const STOPPED_WITHIN = 15_000;
const FINAL_WITHIN = 120_000;

// What becomes of an order is decided by its card; `tok_unknown` is looked up at the provider, which may know it or not.
const EXPECTED = {
  tok_ok: ['delivered'],
  tok_slow: ['delivered'],
  tok_flaky: ['delivered'],
  tok_declined: ['rejected'],
  tok_unknown: ['delivered', 'rejected'],
};

let passed = 0;
let failed = 0;

async function check(what, work) {
  const began = performance.now();
  const took = () => `${((performance.now() - began) / 1000).toFixed(1)} s`;
  try {
    const detail = await work();
    passed++;
    console.log(`✓ ${what}${detail ? `: ${detail}` : ''} (${took()})`);
    return true;
  } catch (error) {
    failed++;
    console.log(`✗ ${what}: ${error.message} (${took()})`);
    return false;
  }
}

async function until(limit, what, ask) {
  for (const end = Date.now() + limit; Date.now() < end; await sleep(200)) {
    const answer = await ask();
    if (answer) return answer;
  }
  throw new Error(`${what} not within ${limit / 1000} s`);
}

function launch() {
  const child = spawn('npm', ['start'], { stdio: 'inherit' });
  child.exited = once(child, 'exit');
  return child;
}

const before = readRun()?.launcher.pid; // a system that runs already makes this start fail, and is not ours to judge
const everyoneReady = (run) =>
  run && run.launcher.pid !== before && Object.values(run.instances).every(({ ready }) => ready) && run;

async function ready(child) {
  const died = child.exited.then(([code]) => {
    throw new Error(`npm start ended with exit code ${code}`);
  });
  const run = await Promise.race([died, until(READY_WITHIN, 'ready', () => everyoneReady(readRun()))]);
  return `${Object.keys(run.instances).length} processes`;
}

function orderWith(token, sku) {
  const address = { line1: '1 Harbour Street', city: 'Riga', postcode: 'LV-1050', country: 'LV' };
  return {
    customer: { name: 'Boot Check', email: 'boot@example.com', address },
    lines: [{ sku, quantity: 1 }],
    payment: { token },
  };
}

async function place(gateway, token) {
  const products = await readJson(`${gateway}/products`);
  const [{ sku }] = Array.isArray(products) ? products : (products.products ?? products.items);
  const headers = { 'idempotency-key': `boot-${token}-${Date.now()}` };
  const { orderId } = await readJson(`${gateway}/orders`, {
    method: 'POST',
    headers,
    body: orderWith(token, sku),
    expect: 202,
  });
  return orderId;
}

async function endsAs(gateway, token, expected) {
  const orderId = await place(gateway, token);
  const order = await until(FINAL_WITHIN, 'a final state', async () => {
    const found = await readJson(`${gateway}/orders/${orderId}`);
    return ['delivered', 'rejected'].includes(found.status) && found;
  });
  if (!expected.includes(order.status))
    throw new Error(`${orderId} ended ${order.status}, not ${expected.join(' or ')}`);
  return order.status;
}

async function manyOrders() {
  const child = spawn(process.execPath, ['tools/orders.mjs', '--count', '40', '--concurrency', '8'], {
    stdio: 'inherit',
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`npm run orders ended with exit code ${code}`);
}

async function stopped(child, processes) {
  const late = sleep(STOPPED_WITHIN, undefined, { ref: false }).then(() => {
    throw new Error(`still running after ${STOPPED_WITHIN / 1000} s`);
  });
  child.kill('SIGTERM');
  const [code, signal] = await Promise.race([child.exited, late]);
  if (code !== 0) throw new Error(`exit code ${signal ?? code}`);
  const left = processes.filter(isSame);
  if (left.length) throw new Error(`left behind: ${left.map(({ name }) => name).join(', ')}`);
}

const child = launch();
process.on('exit', () => child.kill('SIGTERM'));
if (await check('npm start', () => ready(child))) {
  const { gatewayUrl } = readRun();
  await Promise.all(
    Object.entries(EXPECTED).map(([token, expected]) =>
      check(`an order paid with ${token}`, () => endsAs(gatewayUrl, token, expected)),
    ),
  );
  await check('forty orders, eight at a time', manyOrders);
}
const run = readRun();
const postgres = run && { name: 'PostgreSQL', pid: run.postgresPid, started: run.postgresStarted };
const processes = run ? [...Object.values(run.instances), postgres, { name: 'npm start', ...run.launcher }] : [];
await check('SIGTERM stops everything, nothing is left', () => stopped(child, processes));
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
