// npm run console:measure: the console with a million handled messages: how fast it takes them and
// finds them again, with how much memory, and whether its store keeps its bounds.
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from '../build/build.mjs';
import { installDatabase } from '../database/database.mjs';
import { usePostgres } from '../database/shared-postgres.mjs';
import { freePort } from '../dev/ports.mjs';
import { checkFolders } from '../dev/private-folder.mjs';
import { costNow } from '../shop/cost.mjs';
import { commandLine, wholeNumber } from '../terminal/command-line.mjs';
import { messageOf, Mistake } from '../terminal/errors.mjs';
import { bar, Progress, seconds, table } from '../terminal/progress.mjs';
import { startConsole } from './browser.mjs';

process.chdir(path.resolve(import.meta.dirname, '../..'));

const HELP = `npm run console:measure [-- options]      the console with many handled messages: searches, memory, room

  --messages N   (1000000)
  --searches N   of each kind (200)
  --help`;

const FOLDER = '.data/console-measure';
const TOKEN = 'a-token-of-the-measurement';
const AT_ONCE = 500;
/** The console writes some thousands behind. */
const MOST_WAITING = 5_000;
/** More than all of them take. */
const ROOM_MB = 4_096;
const BOUND_MB = 64;
const MOST_MS = 300;
const MOST_MEMORY_MB = 250;

/** @typedef {{ url: string, pid: number | undefined, stop(): Promise<void> }} Console */

/** Steps of an order: contract, who says it, who handles it. */
const STEPS = /** @type {const} */ ([
  ['orders.order-placed', 'event', 'orders', ['orders', 'notifications', 'insights']],
  ['inventory.reserve-stock', 'command', 'orders', ['inventory']],
  ['inventory.stock-reserved', 'event', 'inventory', ['orders']],
  ['payments.charge-payment', 'command', 'orders', ['payments']],
  ['payments.payment-captured', 'event', 'payments', ['orders']],
  ['shipping.arrange-shipment', 'command', 'orders', ['shipping']],
  ['shipping.parcel-delivered', 'event', 'shipping', ['orders', 'inventory']],
  ['orders.order-delivered', 'event', 'orders', ['notifications', 'insights']],
]);
const PRODUCTS = ['tea', 'coffee', 'cups', 'kettle', 'honey', 'biscuits', 'sugar', 'spoons'];
const WORDS = ['urgent', 'gift', 'fragile', 'neighbour', 'porch', 'call', 'ring', 'careful'];

/** @param {string} key @param {string} value */
const text = (key, value) => ({ key, value: { stringValue: value } });
/** @param {string} key @param {number} value */
const whole = (key, value) => ({ key, value: { intValue: String(value) } });

/** @param {readonly string[]} all @param {number} number */
const pick = (all, number) => all[number % all.length] ?? '';

/** Messages of orders, as services send them; remembers some to search for. */
class Orders {
  made = 0;
  handlings = 0;
  /** @type {{ id: string, key: string, word: string, correlation: string }[]} */
  remembered = [];
  at = Date.now();

  /**
   * Records of the next order, by their service.
   * @param {Map<string, object[]>} records
   */
  next(records) {
    const number = this.made / STEPS.length;
    const [key, correlation] = [randomUUID(), randomUUID()];
    const word = `note${number.toString(36)}`;
    let cause = '';
    for (const [contract, kind, source, services] of STEPS) {
      const id = randomUUID();
      this.at += 2;
      const body = JSON.stringify({
        orderId: key,
        total: 1000 + (number % 9000),
        lines: [0, 1, 2].map((line) => ({
          sku: `${pick(PRODUCTS, number + line)}-${(number * 7 + line) % 500}`,
          quantity: 1 + line,
          price: 250 + line,
        })),
        note: `${pick(WORDS, number)} ${pick(WORDS, number * 3 + 1)} ${word}`,
      });
      const isDead = this.made % 2_000 === 17;
      for (const service of services) {
        this.handlings += 1;
        let sent = records.get(service);
        if (!sent) records.set(service, (sent = []));
        sent.push({
          timeUnixNano: `${this.at + 20}000000`,
          eventName: 'parley.message.handled',
          traceId: correlation.replaceAll('-', ''),
          spanId: id.replaceAll('-', '').slice(0, 16),
          body: { stringValue: body },
          attributes: [
            text('messaging.message.id', id),
            text('messaging.message.conversation_id', correlation),
            text('messaging.destination.subscription.name', service),
            text('parley.contract', contract),
            text('parley.kind', kind),
            text('parley.outcome', isDead ? 'dead' : 'done'),
            whole('parley.attempt', 1),
            whole('parley.tries', 1),
            { key: 'parley.took_ms', value: { doubleValue: 4.2 } },
            { key: 'parley.waited_ms', value: { doubleValue: 12.5 } },
            text('parley.sent', new Date(this.at).toISOString()),
            text('parley.source', source),
            text('parley.producer.instance', `${source}-1`),
            text('parley.producer.build', '2026.11.30-1'),
            text('parley.headers', '{"contractversion":"1"}'),
            text('parley.causation.id', cause),
            text('parley.key', key),
            whole('messaging.message.body.size', body.length),
            ...(isDead ? [text('error.type', 'ProviderError')] : []),
          ],
        });
      }
      if (this.made % 997 === 0) this.remembered.push({ id, key, word, correlation });
      cause = id;
      this.made += 1;
    }
  }
}

/**
 * @param {Console} console
 * @param {string} path
 * @returns {Promise<any>}
 */
async function ask({ url }, path) {
  const response = await fetch(`${url}/api/${path}`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  const body = /** @type {any} */ (await response.json());
  if (!response.ok) throw new Mistake(`${path}: ${response.status} ${body.message}`);
  return body;
}

/**
 * @param {Console} console
 * @param {string} service
 * @param {object[]} logRecords
 */
async function send({ url }, service, logRecords) {
  const attributes = [
    text('service.name', service),
    text('service.instance.id', `${service}-1`),
    text('service.version', '2026.11.30-1'),
  ];
  const response = await fetch(`${url}/v1/logs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      resourceLogs: [{ resource: { attributes }, scopeLogs: [{ logRecords }] }],
    }),
  });
  await response.arrayBuffer();
  if (!response.ok) throw new Mistake(`the console answers ${response.status}`);
}

/** @param {Console} console */
async function whenOpen(console) {
  for (;;) {
    try {
      return await ask(console, 'messages/store');
    } catch {
      await sleep(200);
    }
  }
}

/** @param {Console} console @param {number} most */
async function whenWritten(console, most = 0) {
  for (;;) {
    const figures = await ask(console, 'messages/store');
    if (figures.waiting <= most) return figures;
    await sleep(100);
  }
}

/**
 * @param {Console} console
 * @param {number} count
 * @param {Progress} progress
 */
async function fill(console, count, progress) {
  const orders = new Orders();
  /** @type {Map<string, object[]>} */
  const records = new Map();
  for (let batches = 0; orders.made < count;) {
    orders.next(records);
    for (const [service, some] of records) {
      if (some.length < AT_ONCE) continue;
      await send(console, service, some.splice(0));
      if (++batches % 8 === 0) {
        await whenWritten(console, MOST_WAITING);
        progress.waitFor(`sending ${bar(orders.made, count)}`);
      }
    }
  }
  for (const [service, some] of records) await send(console, service, some);
  return orders;
}

/** @param {number} pid @param {'VmRSS' | 'VmHWM'} what */
const megabytes = (pid, what) =>
  Math.round(
    Number(
      new RegExp(`${what}:\\s+(\\d+)`).exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1],
    ) / 1024,
  );

/** @param {number[]} sorted @param {number} q */
const quantile = (sorted, q) =>
  sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;

/**
 * @param {Console} console
 * @param {Orders} orders
 * @param {number} count
 */
async function searched(console, { remembered }, count) {
  /** @type {Record<string, (one: Orders['remembered'][number]) => string>} */
  const kinds = {
    'message by id': ({ id }) => `messages/${id}`,
    'by id': ({ id }) => `messages?id=${id}`,
    'by key': ({ key }) => `messages?key=${key}`,
    'by a rare word': ({ word }) => `messages?text=${word}`,
    'by the beginning of a word': ({ word }) => `messages?text=${word.slice(0, -1)}`,
    'by two frequent words': () => 'messages?text=fragile+cups',
    'by contract': () => 'messages?contract=payments.charge-payment',
    'by service and outcome': () => 'messages?service=inventory&outcome=dead',
    'the last ones': () => 'messages',
    'a conversation': ({ correlation }) => `conversations/${correlation}`,
    'a trace': ({ correlation }) => `traces/${correlation.replaceAll('-', '')}`,
  };
  /** @type {{ kind: string, p50: number, p95: number, worst: number, found: number }[]} */
  const rows = [];
  for (const [kind, path] of Object.entries(kinds)) {
    const times = [];
    let found = 0;
    for (let n = 0; n < count; n++) {
      const one = remembered[(n * 7919) % remembered.length];
      if (!one) throw new Mistake('there is nothing to search for: send more messages');
      const began = performance.now();
      const answer = await ask(console, path(one));
      times.push(performance.now() - began);
      found += answer.messages?.length ?? answer.length ?? 1;
    }
    times.sort((a, b) => a - b);
    rows.push({
      kind,
      p50: quantile(times, 0.5),
      p95: quantile(times, 0.95),
      worst: times.at(-1) ?? 0,
      found: found / count,
    });
  }
  return rows;
}

async function measure() {
  const { values } = commandLine(HELP, {
    options: {
      messages: { type: 'string', default: '1000000' },
      searches: { type: 'string', default: '200' },
    },
  });
  const [count, searches] = [
    wholeNumber('messages', values.messages),
    wholeNumber('searches', values.searches),
  ];
  checkFolders([FOLDER]);
  await build();
  fs.mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
  const postgres = await usePostgres({ dir: `${FOLDER}/postgres`, choosePort: freePort });
  const progress = new Progress();
  try {
    const { console: databaseUrl = '' } = await installDatabase(
      postgres.url,
      `${FOLDER}/roles.json`,
    );
    const kept = { DATABASE_URL: databaseUrl, INSTANCE: 'console-1', MESSAGES_KEPT: '365d' };
    let console = await startConsole({}, TOKEN, { ...kept, MESSAGES_KEPT_MB: String(ROOM_MB) });
    await whenOpen(console);
    const run = {
      instances: { console: { pid: console.pid } },
      postgresPid: postgres.pid,
      databaseUrl: postgres.url,
    };
    const before = await costNow(/** @type {any} */ (run));
    const began = performance.now();
    const orders = await fill(console, count, progress);
    const figures = await whenWritten(console);
    const took = performance.now() - began;
    const after = await costNow(/** @type {any} */ (run));
    progress.waitFor('searching');
    const rows = await searched(console, orders, searches);
    progress.done();
    const memory = megabytes(console.pid ?? 0, 'VmHWM');
    await console.stop();
    /** @param {number} cpu */
    const each = (cpu) => `${((cpu * 1e6) / orders.handlings).toFixed(0)} µs`;
    print(
      `${orders.made} messages, ${orders.handlings} handlings sent in ${seconds(took)}; ${figures.dropped} dropped`,
    );
    print(
      `CPU of a handling: console ${each(after.nodeCpu - before.nodeCpu)}, PostgreSQL ${each(after.postgresCpu - before.postgresCpu)}`,
    );
    print(
      `room ${Math.round(figures.bytes / 2 ** 20)} MB; memory of the console ${memory} MB at most`,
    );
    const ms = (/** @type {number} */ number) => `${number.toFixed(1)} ms`;
    print(
      table(
        ['search', 'p50', 'p95', 'worst', 'found'],
        rows.map(({ kind, p50, p95, worst, found }) => [
          kind,
          ms(p50),
          ms(p95),
          ms(worst),
          found.toFixed(1),
        ]),
      ),
    );

    console = await startConsole({}, TOKEN, { ...kept, MESSAGES_KEPT_MB: String(BOUND_MB) });
    await whenOpen(console);
    await send(console, 'orders', []);
    let { bytes } = await ask(console, 'messages/store');
    for (
      const until = performance.now() + 120_000;
      bytes > BOUND_MB * 2 ** 20 && performance.now() < until;
      await sleep(500)
    )
      ({ bytes } = await ask(console, 'messages/store'));
    await console.stop();
    print(`with room for ${BOUND_MB} MB: ${Math.round(bytes / 2 ** 20)} MB are left`);
    const slow = rows.filter(({ p95 }) => p95 > MOST_MS).map(({ kind }) => kind);
    const broken = [
      ...slow.map((kind) => `${kind} takes more than ${MOST_MS} ms`),
      ...(memory > MOST_MEMORY_MB ? [`the console takes more than ${MOST_MEMORY_MB} MB`] : []),
      ...(bytes > BOUND_MB * 2 ** 20 ? ['the store takes more room than it may'] : []),
    ];
    if (broken.length > 0) throw new Mistake(broken.join('\n'));
  } finally {
    await postgres.release();
    fs.rmSync(FOLDER, { recursive: true, force: true });
  }
}

/** @param {string} line */
const print = (line) => process.stdout.write(`${line}\n`);

await measure().catch((/** @type {unknown} */ error) => {
  console.error(error instanceof Mistake ? messageOf(error) : error);
  process.exitCode = 1;
});
