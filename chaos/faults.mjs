// The faults. Each resolves with evidence: `bit` is true if it had its effect.
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import { tryKill, isAlive, isSame } from '../tools/dev/process-tree.mjs';
import { poison, silence } from './apart.mjs';
import { rubbish } from './hostile.mjs';
import { faultOf, QUEUES, serviceOf, sparedBy } from './schedule.mjs';
import { faketime, setSkew, skewedBy } from './skewed-clock.mjs';

/** @import { QueryResultRow } from 'pg' */
/** @import { Hands } from './apart.mjs' */
/** @import { Customers } from './client.mjs' */
/** @import { Done, Gap, Phase, Planned } from './record.mjs' */
/** @import { Shop } from './shop.mjs' */
/** @import { SilentProxy } from './silent-proxy.mjs' */

/**
 * Who has which leases.
 * @typedef {object} Holders
 * @property {{ queue: number, lane: string, token: string, until: string }[]} lanes
 * @property {{ sub: number, part: number, epoch: string }[]} partitions
 */

/** Longest wait for a process, on a busy machine. */
const PATIENCE_MS = 90_000;
const HOUR_SECONDS = 3600;
const IGNORANT_FOR_MS = 20_000;

/** Has a method per fault. */
export class Harm {
  /**
   * Processes that F01 leaves alone at the moment.
   * @type {readonly string[]}
   */
  #spared = [];
  /** @type {Promise<unknown>} */
  #turn = Promise.resolve();
  /** @type {Readonly<Record<string, (event: Planned, milliseconds: number) => Promise<Done>>>} */
  #faults = {
    F01: (event) => this.F01(event),
    F02: (event) => this.F02(event),
    F03: (event, milliseconds) => this.F03(event, milliseconds),
    F05: (_, milliseconds) => silence(this.#hands, milliseconds),
    F08: () => this.F08(),
    F12: (event) => this.F12(event),
    F14: (_, milliseconds) => this.F14(milliseconds),
    F16: (event) => this.F16(event),
    F17: () => this.F17(),
    F20: (event, milliseconds) => poison(this.#hands, event, milliseconds),
    F21: (event, milliseconds) => poison(this.#hands, event, milliseconds),
    F22: (event, milliseconds) => poison(this.#hands, event, milliseconds),
  };

  /**
   * @param {object} options
   * @param {Shop} options.shop
   * @param {Customers} options.customers
   * @param {() => Promise<unknown>} options.afterStart called after a cold start
   * @param {SilentProxy} [options.proxy]
   */
  constructor({ shop, customers, afterStart, proxy }) {
    this.shop = shop;
    this.customers = customers;
    this.afterStart = afterStart;
    this.proxy = proxy;
  }

  /**
   * Faults with an end run one after the other, also when one of them took longer than planned.
   * @param {Planned} event
   */
  do(event) {
    if (event.until === undefined) return this.#perform(event, 0);
    const turn = this.#turn.then(() => this.#take(event));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /**
   * @param {Planned} event
   * @param {number} milliseconds
   */
  async #perform(event, milliseconds) {
    const fault = this.#faults[event.fault];
    if (!fault) throw new Error(`there is no fault "${event.fault}"`);
    return fault(event, milliseconds);
  }

  /** @param {Planned} event */
  async #take(event) {
    this.#spared = sparedBy(event);
    try {
      return await this.#perform(event, (faultOf(event.fault).seconds ?? 0) * 1000);
    } finally {
      this.#spared = [];
    }
  }

  /**
   * A process that handles commands is killed while its service holds some, if that is soon: else
   * most would be idle when they are killed.
   * @param {Planned} event
   */
  async F01({ victim = '' }) {
    if (QUEUES.includes(serviceOf(victim)))
      await this.#until(2000, () => this.#holds(serviceOf(victim)), 20);
    if (this.#spared.includes(victim)) return { victim, bit: false, why: 'it was spared' };
    const pid = this.shop.signal(victim, 'SIGKILL');
    return { victim, pid, bit: pid !== undefined };
  }

  /**
   * Ends the processes of a service one after the other, those of several services at once.
   * @param {Planned} event
   */
  async F02({ gaps = [] }) {
    /** @param {Gap} gap */
    const serviceAt = ({ victims: [first = ''] }) => serviceOf(first);
    const services = [...new Set(gaps.map(serviceAt))];
    const chains = services.map((service) => gaps.filter((gap) => serviceAt(gap) === service));
    const ends = await Promise.all(chains.map((chain) => this.#endEach(chain)));
    return { gaps: ends.flat(), bit: ends.flat().every((gap) => gap.bit) };
  }

  /** @param {readonly Gap[]} chain */
  async #endEach(chain) {
    /** @type {Gap[]} */
    const done = [];
    for (const gap of chain) done.push({ ...gap, ...(await this.#endAt(gap)) });
    return done;
  }

  /**
   * Starts the victims again with the fail point. It had its effect when one of them ended without
   * being killed by this run.
   * @param {Gap} gap
   * @returns {Promise<Pick<Gap, 'pid' | 'bit'>>}
   */
  async #endAt({ point, victims, pass }) {
    for (const until = Date.now() + PATIENCE_MS; Date.now() < until;) {
      for (const name of victims)
        this.shop.setEnvironmentOnce(name, { PARLEY_FAILPOINT: `${point}:${pass}` });
      for (const name of victims) this.shop.signal(name, 'SIGKILL');
      const started = () => victims.map((name) => this.shop.startedWithIt(name));
      await this.#until(until - Date.now(), () => started().every(Boolean), 50);
      const those = started();
      const ended = () =>
        those.filter((one) => one && !isSame(one) && !this.shop.wasKilled(one.pid));
      await this.#until(until - Date.now(), () => ended().length > 0, 50);
      const [first] = ended();
      for (const name of victims) this.shop.forgetEnvironmentOnce(name);
      for (const [n, one] of those.entries())
        if (one && isSame(one)) this.shop.signal(victims[n] ?? '', 'SIGKILL'); // or it would end later
      if (first) return { pid: first.pid, bit: true };
    }
    return { bit: false };
  }

  /**
   * In a rush with slow payments. Processes are stopped at work: an idle one would have nothing to
   * write late.
   * @param {Planned} event
   * @param {number} milliseconds
   */
  async F03({ victims = [] }, milliseconds) {
    await this.#provider({ delayMs: 1500 });
    this.customers.haste = 6;
    await this.#until(PATIENCE_MS / 3, async () => (await this.#holders()).lanes.length >= 6, 100); // on a slow machine: or as many as there are by then
    const places = victims.map((name) => this.shop.logSize(name));
    const caught = await this.#stopAtWork(victims);
    this.customers.haste = 1;
    try {
      const first = await this.#holders();
      await sleep(15_000);
      const second = await this.#holders();
      await sleep(milliseconds - 15_000);
      const taken = takenOver(first, second, await this.#holders());
      const goOnLearning = await this.#keepIgnorant(victims);
      this.#goOn(victims);
      await this.#provider({ delayMs: 0 });
      const refused = () =>
        victims.flatMap((name, n) => lateWrites(this.shop.logFrom(name, places[n] ?? 0)));
      const accepted = () =>
        this.#count('select count(*)::int as count from chaos.late_write').catch(() => 0);
      await this.#until(
        IGNORANT_FOR_MS,
        async () => refused().length + (await accepted()) > 0,
        250,
      );
      await goOnLearning();
      const late = { refused: refused().length, example: refused()[0], accepted: await accepted() };
      return {
        victims,
        caught,
        ...taken,
        ...late,
        bit: taken.lanes + taken.partitions > 0 && late.refused + late.accepted > 0,
      };
    } finally {
      this.#goOn(victims);
      await this.#provider({ delayMs: 0 });
    }
  }

  /**
   * Stops the processes, if possible while a transaction of the read model is open. Resolves with
   * whether it was. Payments is stopped while it asks the provider.
   * @param {readonly string[]} victims
   */
  async #stopAtWork(victims) {
    const stop = async () => {
      for (const name of victims) this.shop.signal(name, 'SIGSTOP');
      await sleep(300);
      /** @type {{ caught: boolean }} */
      const { caught } = await this.#row(LEFT_OPEN);
      if (!caught) this.#goOn(victims);
      return caught;
    };
    if (await this.#until(PATIENCE_MS / 2, stop, 50)) return true;
    for (const name of victims) this.shop.signal(name, 'SIGSTOP');
    return false;
  }

  /**
   * Most processes that go on learn that their leases are lost before they write anything, and drop
   * their work. The fence is for the others. So this delays the answer about the leases until after
   * the work. Resolves with a function that ends the delay.
   * @param {readonly string[]} victims
   */
  async #keepIgnorant(victims) {
    const client = new pg.Client({ connectionString: this.shop.launched().databaseUrl });
    client.on('error', () => undefined);
    await client.connect();
    await client.query('begin');
    await client.query(
      `select from parley.event_member where split_part(instance, '/', 1) = any($1) for update`,
      [victims],
    );
    return () => client.end();
  }

  /** @param {readonly string[]} victims */
  #goOn(victims) {
    for (const name of victims) this.shop.signal(name, 'SIGCONT');
  }

  async F08() {
    const { postgresPid } = this.shop.launched();
    tryKill(postgresPid, 'SIGKILL');
    const again = () => {
      const now = this.shop.run()?.postgresPid;
      return now !== undefined && now !== postgresPid && isAlive(now);
    };
    const bit = await this.#until(PATIENCE_MS, again, 100);
    return {
      postgresPid,
      now: this.shop.run()?.postgresPid,
      bit,
      ...(!bit && { why: 'PostgreSQL was not started again' }),
    };
  }

  /**
   * One process has another time of day than its twin and the database.
   * @param {Planned} event
   */
  async F12({ victims: [victim = ''] = [], hours: [first = 0, second = 0] = [] }) {
    const library = faketime();
    if (!library) throw new Error('libfaketime is not installed');
    const file = path.join(this.shop.dir, `${victim}.skew`);
    setSkew(file, 0);
    this.shop.setEnvironment(victim, skewedBy(file, library));
    const before = this.shop.signal(victim, 'SIGKILL');
    try {
      const back = () => this.shop.run()?.instances[victim];
      await this.#until(PATIENCE_MS, () => back()?.ready === true && back()?.pid !== before, 200);
      /** @type {Phase[]} */
      const phases = [];
      for (const off of [first, 0, second, 0]) phases.push(await this.#skewed(victim, file, off));
      const since = new Date(this.customers.since);
      const said = await this.#count(SAID_AT_ANOTHER_TIME, [since]);
      return {
        victim,
        phases,
        said,
        bit: phases.every(({ off, seen }) => off === seen) && said > 0,
      };
    } finally {
      setSkew(file, 0);
      this.shop.setEnvironment(victim);
    }
  }

  /**
   * `seen`: by how many hours the clock of the process is off, as its answers say. `worked`: number
   * of messages it handled and calls it answered meanwhile.
   * @param {string} victim
   * @param {string} file
   * @param {number} off
   * @returns {Promise<Phase>}
   */
  async #skewed(victim, file, off) {
    const url = this.shop.launched().instances[victim]?.operationsUrl;
    if (!url) throw new Error(`${victim} does not run`);
    setSkew(file, off * HOUR_SECONDS);
    const seen = () =>
      fetch(`${url}/health/live`, { signal: AbortSignal.timeout(3000) }).then(
        ({ headers }) =>
          Math.round((Date.parse(headers.get('date') ?? '') - Date.now()) / 1000 / HOUR_SECONDS),
        () => undefined,
      );
    await this.#until(PATIENCE_MS, async () => (await seen()) === off, 200);
    const before = await workOf(url);
    await sleep(6000);
    await this.#until(PATIENCE_MS / 2, async () => (await workOf(url)) > before, 500);
    return { off, seen: await seen(), worked: (await workOf(url)) - before };
  }

  /** @param {number} milliseconds */
  async F14(milliseconds) {
    await this.#until(PATIENCE_MS, () => this.customers.pace() >= this.customers.rate / 2, 500); // customers who wait for an answer order nothing more
    await this.#provider({ delayMs: 1000 });
    const usual = this.customers.pace(); // in this very run, on this machine
    const before = this.customers.placed;
    const openBefore = await this.#open();
    const began = Date.now();
    this.customers.haste = 10;
    let open = 0;
    for (const until = began + milliseconds; Date.now() < until; await sleep(1000))
      open = Math.max(open, await this.#open());
    this.customers.haste = 1;
    const pace = (this.customers.placed - before) / ((Date.now() - began) / 1000);
    await this.#provider({ delayMs: 0 });
    return {
      usual,
      pace,
      openBefore,
      open,
      bit: usual > 0 && pace >= 3 * usual && open > openBefore,
    };
  }

  /**
   * For the faults of one message or connection.
   * @returns {Hands}
   */
  get #hands() {
    const { shop, customers, proxy } = this;
    return {
      shop,
      customers,
      proxy,
      until: (milliseconds, isSo, every) => this.#until(milliseconds, isSo, every),
      count: (sql) => this.#count(sql),
    };
  }

  /** @param {Planned} event */
  async F16({ queue = '', sort = 0 }) {
    const id = randomUUID();
    const [headers, body] = rubbish(sort);
    const sent = await this.#query(
      'select parley.send(array[$1], array[null]::bigint[], array[$2]::uuid[], array[$3]::bytea[], array[$4]::bytea[], array[null]::bigint[])',
      [queue, id, headers, body],
    ).then(
      () => true,
      () => undefined,
    );
    return { queue, sort, id, sent, bit: sent === true };
  }

  async F17() {
    const { killed, alive } = await this.shop.powerCut();
    const began = Date.now();
    await this.shop.start();
    await this.afterStart();
    return { killed, alive, ready: Date.now() - began, bit: killed > 2 && alive === 0 };
  }

  async heal() {
    for (const name of Object.keys(this.shop.run()?.instances ?? {}))
      this.shop.signal(name, 'SIGCONT');
    this.customers.haste = 1;
    await this.shop.allReady();
    await this.#provider({ delayMs: 0, down: false });
  }

  /** @type {Hands['until']} */
  async #until(milliseconds, isSo, every) {
    for (const until = Date.now() + milliseconds; Date.now() < until; await sleep(every))
      if (await isSo()) return true;
    return false;
  }

  /** @param {{ delayMs: number, down?: boolean }} body */
  async #provider(body) {
    const ask = () =>
      fetch(`${this.shop.launched().providerUrl}/admin`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(3000),
      });
    await ask()
      .catch(() => sleep(1000).then(ask))
      .catch(() => undefined);
  }

  #open() {
    return this.#count(
      'select count(*)::int from orders.order_view where finished_at is null',
    ).catch(() => 0);
  }

  /** @param {string} service */
  async #holds(service) {
    /** @type {Promise<{ held: boolean }>} */
    const asked = this.#row(
      `select exists (select from parley.lane l join parley.queue q on q.id = l.queue where q.name = $1 and l.token <> 0) held`,
      [service],
    );
    const { held } = await asked.catch(() => ({ held: true }));
    return held;
  }

  /** @returns {Promise<Holders>} */
  async #holders() {
    return {
      lanes: await this.#query(
        `select l.queue, l.lane::text, l.token::text, l.until::text from parley.lane l join parley.queue q on q.id = l.queue where q.name = 'payments' and l.token <> 0`,
      ),
      partitions: await this.#query(
        `select p.sub, p.part, p.epoch::text from parley.event_position p join parley.event_subscription s on s.id = p.sub where s.service = 'orders'`,
      ),
    };
  }

  /**
   * @param {string} sql
   * @param {unknown[]} [values]
   * @returns {Promise<number>} its column `count`
   */
  async #count(sql, values) {
    return Number((await this.#row(sql, values))['count']);
  }

  /**
   * The first row.
   * @template {QueryResultRow} T
   * @param {string} sql
   * @param {unknown[]} [values]
   * @returns {Promise<T>}
   */
  async #row(sql, values) {
    /** @type {T[]} */
    const [row] = await this.#query(sql, values);
    if (!row) throw new Error(`no row: ${sql}`);
    return row;
  }

  /**
   * @template {QueryResultRow} T
   * @param {string} sql
   * @param {unknown[]} [values]
   * @returns {Promise<T[]>}
   */
  async #query(sql, values) {
    const client = new pg.Client({
      connectionString: this.shop.launched().databaseUrl,
      connectionTimeoutMillis: 5000,
    });
    client.on('error', () => undefined); // a killed server: the query fails, too
    try {
      await client.connect();
      return (await client.query(sql, values)).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

/**
 * Counts lines of orders' histories whose time is far off: it is the time at which the message was
 * sent, by the sender's clock.
 */
const SAID_AT_ANOTHER_TIME = `select count(*)::int as count from orders.order_view, jsonb_array_elements(history) line
  where (line->>'at')::timestamptz not between $1::timestamptz - interval '20 minutes' and clock_timestamp() + interval '20 minutes'`;

/**
 * True if a transaction of the read model is left open: a running process never waits for so long
 * in it. The read model, because a line that is written twice there is seen twice.
 */
const LEFT_OPEN = `select exists (select from pg_stat_activity where usename = 'orders' and state = 'idle in transaction' and query ~ '(from|update) order_view'
  and state_change < clock_timestamp() - interval '250 ms') as caught`;

/**
 * Writes of a process that stood still which were refused when it went on.
 * @param {string} log
 * @returns {string[]}
 */
const lateWrites = (log) =>
  log
    .split('\n')
    .filter((line) => line.includes('after its lease was lost'))
    .map((line) => JSON.parse(line).message);

/**
 * Messages handled and calls answered so far, by the metrics of the process.
 * @param {string} url
 */
async function workOf(url) {
  const text = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5000) }).then(
    (response) => response.text(),
    () => '',
  );
  const done =
    /^parley_(?:messages_handled_total\{.*outcome="done".*\}|calls_total\{.*outcome="ok".*\}) (\d+)/gm;
  return [...text.matchAll(done)].reduce((sum, [, count]) => sum + Number(count), 0);
}

/**
 * Counts leases that another process got while their holder stood still. Partitions count their
 * holders. Lanes that were neither finished nor renewed between the first two looks belonged to the
 * stopped process.
 * @param {Holders} first
 * @param {Holders} second
 * @param {Holders} third
 */
function takenOver(first, second, third) {
  /** @param {Holders} looks */
  const held = (looks) =>
    new Map(
      looks.lanes.map(({ queue, lane, token, until }) => [`${queue}/${lane}`, `${token} ${until}`]),
    );
  const [before, between, after] = [held(first), held(second), held(third)];
  const epochs = new Map(third.partitions.map(({ sub, part, epoch }) => [`${sub}/${part}`, epoch]));
  return {
    lanes: [...before].filter(
      ([lane, holder]) => between.get(lane) === holder && after.get(lane) !== holder,
    ).length,
    partitions: first.partitions.filter(
      ({ sub, part, epoch }) => epochs.get(`${sub}/${part}`) !== epoch,
    ).length,
  };
}
