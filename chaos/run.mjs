// npm run chaos: starts the shop, places orders, breaks it on a schedule, heals it, waits until all
// is at rest, and judges.
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { check, readRecord, verdictTable } from './check.mjs';
import { Customers } from './client.mjs';
import { Harm } from './faults.mjs';
import { History } from './history.mjs';
import { chaosOptions, HELP } from './options.mjs';
import { editsOf, flagsOf, NOTES, PLANTS } from './plants.mjs';
import { proveAll } from './all.mjs';
import { prepareApart } from './apart.mjs';
import { FAULTY_EDITS } from './faulty.mjs';
import { APART, described, scheduleOf } from './schedule.mjs';
import { Shop } from './shop.mjs';
import { faketime } from './skewed-clock.mjs';
import { packages } from '../tools/brokers/downloads.mjs';
import { readSinks, rest } from './sinks.mjs';
import { TestBed } from './test-bed.mjs';
import { withDatabase } from '../tools/shop/books-read.mjs';
import { readJson } from '../tools/shop/http-json.mjs';
import { keepPrivate } from '../tools/dev/private-folder.mjs';
import { messageOf, Mistake } from '../tools/terminal/errors.mjs';

/** @import { ChaosOptions } from './options.mjs' */
/** @import { Finding, Planned } from './record.mjs' */

process.chdir(path.dirname(import.meta.dirname));

const CUSTOMERS_PATIENCE_MS = 60_000;
/** Once all is at rest, followers of orders ask again within 10 s. */
const FOLLOWERS_PATIENCE_MS = 45_000;
/** @param {string} text */
const say = (text) => console.log(text);

/**
 * Starts each fault at its time, without waiting for the one before: some take long.
 * @param {readonly Planned[]} schedule
 * @param {number} seconds
 * @param {Harm} harm
 * @param {History} faults
 */
async function harmOnSchedule(schedule, seconds, harm, faults) {
  const began = performance.now();
  const under = schedule.map(async (event) => {
    await sleep(event.at * 1000);
    const done = await harm.do(event).catch((error) => ({ bit: false, error: messageOf(error) }));
    faults.add({ ...event, at: Date.now(), planned: event.at, ...done });
    if (event.until)
      say(
        `${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${event.fault}  ${JSON.stringify(done)}`,
      );
  });
  await Promise.all([sleep(seconds * 1000), ...under]);
}

/**
 * @param {ChaosOptions} options
 * @param {string} folder
 * @param {Shop} shop
 */
async function experiment(options, folder, shop) {
  const history = new History(path.join(folder, 'history.jsonl'));
  const faults = new History(path.join(folder, 'faults.jsonl'));
  const schedule = scheduleOf(options);
  const afterStart = () => withDatabase(shop.launched(), (query) => query(NOTES));
  const prepared = await prepareApart(shop, options.faults);
  await shop.start();
  await afterStart();
  say('The shop is ready; orders come in.');
  const { gatewayUrl } = shop.launched();
  if (!gatewayUrl) throw new Error('The shop runs without its gateway.');
  const { products } = await readJson(`${gatewayUrl}/products`);
  const customers = new Customers({
    ...options,
    gatewayUrl,
    products,
    history,
    hostile: options.faults.includes('F16'),
  });
  const harm = new Harm(new TestBed({ shop, customers, afterStart, ...prepared }));
  const ordering = customers.run();
  await harmOnSchedule(schedule, options.seconds, harm, faults);
  await harm.heal();
  say('Healed.');
  const [found] = await Promise.all([
    customers
      .end(CUSTOMERS_PATIENCE_MS)
      .then(() => rest(shop.launched(), options.within * 1000, say)),
    ordering,
  ]);
  await customers.seenTheEnd(FOLLOWERS_PATIENCE_MS);
  const { seed, seconds, faults: ids, rate, within, planted } = options;
  fs.writeFileSync(
    path.join(folder, 'run.json'),
    JSON.stringify({ options: { seed, seconds, faults: ids, rate, within, planted }, rest: found }),
  );
  fs.writeFileSync(
    path.join(folder, 'sinks.json'),
    JSON.stringify(await readSinks(shop.launched())),
  );
  history.close();
  faults.close();
  return check(readRecord(folder));
}

/** @param {ChaosOptions} options */
async function perform(options) {
  const folder =
    options.record ??
    path.resolve(
      '.data/chaos',
      `${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}-seed-${options.seed}${options.planted ? `-${options.planted}` : ''}`,
    );
  fs.mkdirSync(folder, { recursive: true });
  const shop = new Shop({
    nodeFlags: flagsOf(options.planted),
    edits: [
      ...editsOf(options.planted),
      ...(options.faults.some((id) => id in APART) ? FAULTY_EDITS : []),
    ],
  });
  /** @type {Promise<void> | undefined} */
  let stopping;
  const stop = () => (stopping ??= shop.stop().finally(() => shop.remove(folder)));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.once(signal, () => void stop().finally(() => process.exit(130)));
  try {
    const findings = await experiment(options, folder, shop);
    say(
      `\nseed ${options.seed}, ${options.seconds / 60} minutes, ${options.faults.join(' ')}${options.planted ? `, planted: ${options.planted}` : ''}\n${verdictTable(findings)}\n\nRecord: ${path.relative('.', folder)}`,
    );
    return { folder, findings };
  } finally {
    await stop();
  }
}

/**
 * A run with a plant is good if the judge names one of its invariants. Whether its faults bit is not
 * asked: a plant may take away what shows it, as a shop that records nothing as handled counts no
 * message as delivered again.
 * @param {readonly Finding[]} findings
 * @param {string} [planted]
 */
function verdictOf(findings, planted) {
  const broken = findings.filter(({ ok }) => !ok).map(({ id }) => id);
  if (!planted) return { good: broken.length === 0, broken };
  const found = broken.filter((id) => PLANTS[planted]?.finds.includes(id));
  const good = found.length > 0;
  say(
    good
      ? `The planted bug was found by ${found.join(' and ')}.`
      : 'The planted bug was NOT found.',
  );
  return { good, broken, found };
}

/**
 * Installs libfaketime where F12 needs it, as root on Debian.
 * @param {ChaosOptions} options
 * @throws Mistake before time is spent on a run that could not count
 */
async function installFaketime({ schedule, faults }) {
  if (schedule || !faults.includes('F12') || faketime()) return;
  say('F12 needs libfaketime; installing it.');
  await packages('faketime').catch((error) => {
    const why = messageOf(error).split('\n').at(-1);
    throw new Mistake(
      `F12 needs libfaketime, which could not be installed (${why}): apt-get install faketime as root, or say --faults without F12.`,
    );
  });
}

/** @param {ChaosOptions} options */
async function one(options) {
  say(`Seed ${options.seed}:\n${scheduleOf(options).map(described).join('\n')}\n`);
  if (options.schedule) return true;
  const { folder, findings } = await perform(options);
  const verdict = verdictOf(findings, options.planted);
  fs.writeFileSync(
    path.join(folder, 'verdict.json'),
    JSON.stringify({ ...verdict, findings }, null, 2),
  );
  return verdict.good;
}

try {
  const options = chaosOptions(process.argv.slice(2));
  if (options.help) say(HELP);
  else {
    await installFaketime(options);
    keepPrivate(); // records have the logs
    process.exitCode = (await (options.all ? proveAll(options, say) : one(options))) ? 0 : 1;
  }
} catch (error) {
  console.error(error instanceof Mistake ? error.message : error);
  process.exitCode = error instanceof Mistake ? 2 : 1;
}
process.exit(); // customers of an aborted run would go on ordering
