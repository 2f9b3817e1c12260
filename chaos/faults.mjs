// Does the harm, and tells what it did: each answers with evidence of whether it bit.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import { tryKill, isAlive } from '../tools/process-tree.mjs';
import { rubbish } from './hostile.mjs';

/** What the faults may touch. `afterStart` puts back what a cold start undoes. */
export class Harm {
  constructor({ shop, customers, afterStart }) {
    Object.assign(this, { shop, customers, afterStart });
  }

  async do(event) {
    return this[event.fault](event, (event.until - event.at) * 1000);
  }

  F01({ victim }) {
    const pid = this.shop.signal(victim, 'SIGKILL');
    return { victim, pid, bit: pid !== undefined };
  }

  /** Slow payments first, so that whoever stops surely holds leases. */
  async F03({ victims }, milliseconds) {
    await this.#provider({ delayMs: 1500 });
    await sleep(2000);
    const pids = victims.map((name) => this.shop.signal(name, 'SIGSTOP'));
    try {
      const first = await this.#holders();
      await sleep(15_000);
      const second = await this.#holders();
      await sleep(milliseconds - 17_000);
      const taken = takenOver(first, second, await this.#holders());
      return { victims, pids, ...taken, bit: pids.every(Boolean) && taken.lanes + taken.partitions > 0 };
    } finally {
      for (const pid of pids) if (pid) tryKill(pid, 'SIGCONT');
      await this.#provider({ delayMs: 0 });
    }
  }

  async F08() {
    const { postgresPid } = this.shop.run();
    tryKill(postgresPid, 'SIGKILL');
    for (const until = Date.now() + 60_000; Date.now() < until; await sleep(100)) {
      const now = this.shop.run()?.postgresPid;
      if (now && now !== postgresPid && isAlive(now)) return { postgresPid, now, bit: true };
    }
    return { postgresPid, bit: false, why: 'PostgreSQL was not started again' };
  }

  async F14(_, milliseconds) {
    await this.#provider({ delayMs: 1000 });
    const before = this.customers.placed;
    this.customers.haste = 10;
    let open = 0;
    for (const until = Date.now() + milliseconds; Date.now() < until; await sleep(1000)) {
      const [{ count }] = await this.#query('select count(*)::int from orders.order_view where finished_at is null').catch(() => [{ count: 0 }]);
      open = Math.max(open, count);
    }
    this.customers.haste = 1;
    await this.#provider({ delayMs: 0 });
    return { placed: this.customers.placed - before, open, bit: open >= 10 * this.customers.rate };
  }

  async F16({ queue, sort }) {
    const id = randomUUID();
    const [headers, body] = rubbish(sort);
    const sent = await this.#query('select parley.send(array[$1], array[null]::bigint[], array[$2]::uuid[], array[$3]::bytea[], array[$4]::bytea[], array[null]::bigint[])', [queue, id, headers, body]).then(() => true, () => undefined);
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
    for (const name of Object.keys(this.shop.run()?.instances ?? {})) this.shop.signal(name, 'SIGCONT');
    this.customers.haste = 1;
    await this.shop.allReady();
    await this.#provider({ delayMs: 0, down: false });
  }

  async #provider(body) {
    const ask = () => fetch(`${this.shop.run().providerUrl}/admin`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), signal: AbortSignal.timeout(3000) });
    await ask().catch(() => sleep(1000).then(ask)).catch(() => undefined);
  }

  async #holders() {
    return {
      lanes: await this.#query(`select l.queue, l.lane::text, l.token::text, l.until::text from parley.lane l join parley.queue q on q.id = l.queue where q.name = 'payments' and l.token <> 0`),
      partitions: await this.#query(`select p.sub, p.part, p.epoch::text from parley.event_position p join parley.event_subscription s on s.id = p.sub where s.service = 'orders'`),
    };
  }

  async #query(sql, values) {
    const client = new pg.Client({ connectionString: this.shop.run().databaseUrl, connectionTimeoutMillis: 5000 });
    client.on('error', () => undefined); // a killed server: the query says so, too
    try {
      await client.connect();
      return (await client.query(sql, values)).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

/**
 * Leases that somebody else got while their holder stood still. Partitions count their holders. Of lanes, those that were neither
 * finished nor renewed between the first two looks were the stopped one's.
 */
function takenOver(first, second, third) {
  const held = (looks) => new Map(looks.lanes.map(({ queue, lane, token, until }) => [`${queue}/${lane}`, `${token} ${until}`]));
  const [before, between, after] = [first, second, third].map(held);
  const epochs = new Map(third.partitions.map(({ sub, part, epoch }) => [`${sub}/${part}`, epoch]));
  return {
    lanes: [...before].filter(([lane, holder]) => between.get(lane) === holder && after.get(lane) !== holder).length,
    partitions: first.partitions.filter(({ sub, part, epoch }) => epochs.get(`${sub}/${part}`) !== epoch).length,
  };
}
