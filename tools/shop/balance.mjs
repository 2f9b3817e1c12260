// npm run balance: how calls are shared while instances come, go, die and are replaced, on the shop
// that npm start runs here, by the technology that carries its calls. Ends with exit code 1 when a
// bound is not met.
import { setTimeout as sleep } from 'node:timers/promises';
import { listens } from '../brokers/answers.mjs';
import { askFor } from '../dev/changes.mjs';
import { asOperator } from '../dev/operations-token.mjs';
import { isSame, tryKill } from '../dev/process-tree.mjs';
import { NO_GATEWAY, NOT_RUNNING, readRun } from '../dev/run-file.mjs';
import { commandLine } from '../terminal/command-line.mjs';
import { Mistake } from '../terminal/errors.mjs';
import { topology } from '../topology/topology.mjs';
import { asCustomer } from './customer.mjs';
import { readJson } from './http-json.mjs';
import { inventOrder } from './invented-orders.mjs';
import { isEven, load, onlyLost, summaryOf } from './balance/load.mjs';

/** @import { callerOf } from './balance/caller.mjs' */
/** @import { Question } from './balance/load.mjs' */

/** @typedef {Awaited<ReturnType<typeof callerOf>>} Caller */
/** @typedef {{ what: string, seen: string, bound: string, isKept: boolean }} Finding */

const HELP = `npm run balance      how calls are shared while instances come, go, die and are replaced (about 2 minutes)

  Start the shop first: npm start, or npm start -- --on http. Instances of catalog are added and killed, and every
  service behind the gateway is restarted; afterwards there are as many as before. Exit code 1: a bound is not met.`;

const SHARE_WITHIN_MS = 10_000;
const SETTLED_WITHIN_MS = 60_000;

function runHere() {
  const run = readRun();
  if (!run || !isSame(run.launcher)) throw new Mistake(NOT_RUNNING);
  return run;
}

/** @param {string} service */
const instancesOf = (service) =>
  Object.values(runHere().instances).filter((instance) => instance.service === service);

/**
 * Quotes that each instance of catalog has answered so far, by its name.
 * @param {string} contract
 * @returns {Promise<Record<string, number>>}
 */
async function answered(contract) {
  const headers = asOperator(runHere());
  const counts = instancesOf('catalog').map(async ({ name, operationsUrl }) => {
    const response = await fetch(`${operationsUrl}/metrics`, { headers });
    const lines = [...(await response.text()).matchAll(/^parley_calls_total\{(.*)\} (\d+)$/gm)];
    const own = lines.filter(
      ([, labels]) => labels?.includes('side="owner"') && labels.includes(`"${contract}"`),
    );
    return /** @type {const} */ ([name, own.reduce((sum, [, , count]) => sum + Number(count), 0)]);
  });
  return Object.fromEntries(await Promise.all(counts));
}

/**
 * Counts of what each instance answered while `work` ran.
 * @param {string} contract
 * @param {() => Promise<unknown>} work
 */
async function answeredDuring(contract, work) {
  const before = await answered(contract);
  await work();
  const after = await answered(contract);
  return Object.entries(after).map(([name, count]) => count - (before[name] ?? 0));
}

/**
 * @param {number} withinMs
 * @param {string} what
 * @param {() => boolean | Promise<boolean>} isSo
 */
async function until(withinMs, what, isSo) {
  for (const end = performance.now() + withinMs; performance.now() < end; await sleep(100))
    if (await isSo()) return;
  throw new Mistake(`${what}: not within ${withinMs / 1000} s.`);
}

/**
 * @param {Caller} caller
 * @returns {Promise<Finding>}
 */
async function threeInstances({ quotes: [quote], contract }) {
  await askFor({ scale: { catalog: 3 } });
  const ask = () => quote?.ask();
  await until(SETTLED_WITHIN_MS, 'every instance of catalog is called', async () => {
    const shares = await answeredDuring(contract, async () => {
      for (let n = 0; n < 30; n++) await ask();
    });
    return shares.length === 3 && shares.every((count) => count > 0);
  });
  const shares = await answeredDuring(contract, async () => {
    for (let n = 0; n < 30; n++) await Promise.all(Array.from({ length: 20 }, ask));
  });
  return {
    what: 'three instances, 600 calls',
    seen: shares.join(', '),
    bound: 'each within 5 % of a third',
    isKept: isEven(shares, 3),
  };
}

/**
 * @param {Caller} caller
 * @returns {Promise<Finding>}
 */
async function aFourth({ quotes, contract }) {
  const running = load(quotes, 200);
  await askFor({ scale: { catalog: 4 } });
  const ready = performance.now();
  const elapsed = () => performance.now() - ready;
  let hasShare = false;
  while (!hasShare && elapsed() < 2 * SHARE_WITHIN_MS)
    hasShare = isEven(await answeredDuring(contract, () => sleep(1_000)), 4);
  const took = elapsed();
  const { sent, failures } = await running.stop();
  return {
    what: `a fourth is added under 200 calls/s (${sent} calls)`,
    seen: `${hasShare ? `its share after ${(took / 1000).toFixed(1)} s` : 'never got its share'}, ${summaryOf(failures)}`,
    bound: 'a quarter (within 5 %) after 10 s at most, 0 failed',
    isKept: hasShare && took <= SHARE_WITHIN_MS && failures.length === 0,
  };
}

/**
 * @param {Caller} caller
 * @returns {Promise<Finding>}
 */
async function oneKilled({ quotes, inFlight }) {
  const victim = instancesOf('catalog').at(-1);
  const running = load(quotes, 200);
  await sleep(3_000);
  tryKill(victim?.pid, 'SIGKILL');
  const had = inFlight(victim?.callsPort);
  while (victim && isSame(victim)) await new Promise((resolve) => setImmediate(resolve));
  // Its other threads may hold its sockets a little longer than the process is seen.
  while (victim?.callsPort && (await listens(victim.callsPort)));
  await new Promise((resolve) => setImmediate(resolve)); // its broken connections are noticed
  const gone = performance.now();
  await sleep(5_000);
  const { sent, failures } = await running.stop();
  return {
    what: `one of four is killed under 200 calls/s (${sent} calls)`,
    seen: `${summaryOf(failures)}; it had ${had} in flight`,
    bound: 'only calls in flight on it fail, none of an idempotent contract',
    isKept: onlyLost(failures, gone),
  };
}

/**
 * An order at the edge, which calls orders, which calls catalog.
 * @returns {Promise<Question>}
 */
async function orderAtTheEdge() {
  const gateway = runHere().gatewayUrl;
  const { products } = await readJson(`${gateway}/products`);
  let placed = 0;
  return {
    name: 'POST /orders',
    isRepeatable: false,
    ask: () =>
      readJson(`${gateway}/orders`, {
        method: 'POST',
        headers: {
          'idempotency-key': `balance-${process.pid}-${performance.now()}`,
          ...asCustomer,
        },
        body: inventOrder(products, placed++, 'tok_ok'),
        expect: 202,
      }),
  };
}

/**
 * @param {Caller} caller
 * @returns {Promise<Finding>}
 */
async function everyoneRestarted({ everything }) {
  await until(SETTLED_WITHIN_MS, 'every instance is ready', () =>
    Object.values(runHere().instances).every((one) => one.ready && isSame(one)),
  );
  const inside = topology.filter(({ place }) => place === 'inside').map(({ name }) => name);
  const before = inside.flatMap(instancesOf).map(({ pid }) => pid);
  const [calls, orders] = [load(everything, 50), load([await orderAtTheEdge()], 2)];
  await askFor({ restart: inside }, (line) => console.log(`  ${line}`));
  const [called, placed] = [await calls.stop(), await orders.stop()];
  const failures = [...called.failures, ...placed.failures];
  const after = inside.flatMap(instancesOf).map(({ pid }) => pid);
  return {
    what: `every service is restarted under 50 calls/s and 2 orders/s (${called.sent} calls, ${placed.sent} orders)`,
    seen: summaryOf(failures),
    bound: '0 failed',
    isKept: failures.length === 0 && after.every((pid) => !before.includes(pid)),
  };
}

/** @returns {Promise<boolean>} whether every bound is met */
async function balance() {
  const run = runHere();
  if (!run.gatewayUrl) throw new Mistake(NO_GATEWAY);
  if (/^\w+s:/.test(String(run.environment.CALLS_URL)))
    throw new Mistake(
      'npm run balance makes calls of its own, which are not allowed here: start the shop without --tls.',
    );
  const missing = topology.find(({ name }) => instancesOf(name).length === 0);
  if (missing)
    throw new Mistake(`${missing.name} does not run: start every service, without --only.`);
  const { callerOf } = await import('./balance/caller.mjs'); // of what was built
  const caller = await callerOf(run);
  const before = instancesOf('catalog').length;
  /** @type {Finding[]} */
  const findings = [];
  try {
    for (const part of [threeInstances, aFourth, oneKilled, everyoneRestarted]) {
      const finding = await part(caller);
      findings.push(finding);
      const { what, seen, bound, isKept } = finding;
      console.log(`${isKept ? '✓' : '✗'} ${what}: ${seen} (bound: ${bound})`);
    }
  } finally {
    await askFor({ scale: { catalog: before } });
    await caller.close();
  }
  const met = findings.filter(({ isKept }) => isKept).length;
  console.log(`Calls by ${caller.technology}: ${met} of ${findings.length} bounds met`);
  return met === findings.length;
}

commandLine(HELP, {});
try {
  process.exit((await balance()) ? 0 : 1);
} catch (error) {
  console.error(error instanceof Mistake ? error.message : error);
  process.exit(1);
}
