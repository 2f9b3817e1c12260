// The faults. Each resolves with evidence: `bit` is true if it had its effect.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, tryKill } from '../tools/dev/process-tree.mjs';
import { poison, silence } from './apart.mjs';
import { jumpClock } from './clock-jumps.mjs';
import { freeze } from './frozen-processes.mjs';
import { rubbish } from './hostile.mjs';
import { faultOf, QUEUES, serviceOf, sparedBy } from './schedule.mjs';
import { endAtSteps } from './step-ends.mjs';
import { PATIENCE_MS } from './test-bed.mjs';

/** @import { Done, Planned } from './record.mjs' */
/** @import { TestBed } from './test-bed.mjs' */

/** Does each fault of the schedule, the short ones here. */
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
    F01: (event) => this.#kill(event),
    F02: (event) => endAtSteps(this.#bed, event),
    F03: (event, milliseconds) => freeze(this.#bed, event, milliseconds),
    F05: (_, milliseconds) => silence(this.#bed, milliseconds),
    F08: () => this.#killDatabase(),
    F12: (event) => jumpClock(this.#bed, event),
    F14: (_, milliseconds) => this.#rush(milliseconds),
    F16: (event) => this.#sendRubbish(event),
    F17: () => this.#cutPower(),
    F20: (event, milliseconds) => poison(this.#bed, event, milliseconds),
    F21: (event, milliseconds) => poison(this.#bed, event, milliseconds),
    F22: (event, milliseconds) => poison(this.#bed, event, milliseconds),
  };

  /** @type {TestBed} */
  #bed;

  /** @param {TestBed} bed */
  constructor(bed) {
    this.#bed = bed;
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
  async #kill({ victim = '' }) {
    if (QUEUES.includes(serviceOf(victim)))
      await this.#bed.until(2000, () => this.#holds(serviceOf(victim)), 20);
    if (this.#spared.includes(victim)) return { victim, bit: false, why: 'it was spared' };
    const pid = this.#bed.shop.signal(victim, 'SIGKILL');
    return { victim, pid, bit: pid !== undefined };
  }

  async #killDatabase() {
    const { shop } = this.#bed;
    const { postgresPid } = shop.launched();
    tryKill(postgresPid, 'SIGKILL');
    const again = () => {
      const now = shop.run()?.postgresPid;
      return now !== undefined && now !== postgresPid && isAlive(now);
    };
    const bit = await this.#bed.until(PATIENCE_MS, again, 100);
    return {
      postgresPid,
      now: shop.run()?.postgresPid,
      bit,
      ...(!bit && { why: 'PostgreSQL was not started again' }),
    };
  }

  /**
   * Customers order ten times as often, while payments are slow.
   * @param {number} milliseconds
   */
  async #rush(milliseconds) {
    const { customers } = this.#bed;
    await this.#bed.until(PATIENCE_MS, () => customers.pace() >= customers.rate / 2, 500); // customers who wait for an answer order nothing more
    await this.#bed.provider({ delayMs: 1000 });
    const usual = customers.pace(); // in this very run, on this machine
    const before = { placed: customers.placed, turnedAway: customers.turnedAway };
    const openBefore = await this.#open();
    const began = performance.now();
    customers.haste = 10;
    let open = 0;
    for (const until = began + milliseconds; performance.now() < until; await sleep(1000))
      open = Math.max(open, await this.#open());
    customers.haste = 1;
    const seconds = (performance.now() - began) / 1000;
    const pace = (customers.placed - before.placed) / seconds;
    const turnedAway = customers.turnedAway - before.turnedAway;
    const wanted = pace + turnedAway / seconds;
    await this.#bed.provider({ delayMs: 0 });
    return {
      usual,
      wanted,
      pace,
      turnedAway,
      openBefore,
      open,
      bit:
        usual > 0 && wanted >= 3 * usual && pace >= usual && (open > openBefore || turnedAway > 0),
    };
  }

  /** @param {Planned} event */
  async #sendRubbish({ queue = '', sort = 0 }) {
    const id = randomUUID();
    const [headers, body] = rubbish(sort);
    const sent = await this.#bed
      .query(
        'select parley.send(array[$1], array[null]::bigint[], array[$2]::uuid[], array[$3]::bytea[], array[$4]::bytea[], array[null]::bigint[])',
        [queue, id, headers, body],
      )
      .then(
        () => true,
        () => undefined,
      );
    return { queue, sort, id, sent, bit: sent === true };
  }

  async #cutPower() {
    const { shop, afterStart } = this.#bed;
    const { killed, alive } = await shop.powerCut();
    const began = performance.now();
    await shop.start();
    await afterStart();
    return { killed, alive, ready: performance.now() - began, bit: killed > 2 && alive === 0 };
  }

  /** Ends what the faults left behind. */
  async heal() {
    const { shop, customers } = this.#bed;
    for (const name of Object.keys(shop.run()?.instances ?? {})) shop.signal(name, 'SIGCONT');
    customers.haste = 1;
    await shop.allReady();
    await this.#bed.provider({ delayMs: 0, down: false });
  }

  /** Number of orders that have not ended. */
  #open() {
    return this.#bed
      .count('select count(*)::int from orders.order_view where finished_at is null')
      .catch(() => 0);
  }

  /** @param {string} service */
  async #holds(service) {
    /** @type {Promise<{ held: boolean }>} */
    const asked = this.#bed.row(
      `select exists (select from parley.lane l join parley.queue q on q.id = l.queue where q.name = $1 and l.token <> 0) held`,
      [service],
    );
    const { held } = await asked.catch(() => ({ held: true }));
    return held;
  }
}
