// Dead letters of the pretended shop: they can be edited, replayed and discarded.
import { before, missing } from './pretended-replies.mjs';

/** @import { Json, Reply } from './pretended-replies.mjs' */

/**
 * @typedef {object} Letter
 * @property {string} id
 * @property {string} subscription
 * @property {Record<string, string>} headers
 * @property {string} body
 * @property {Json} failure
 * @property {string} died
 * @property {boolean} holds
 * @property {number} edits
 * @property {string} group
 * @property {number} attempts
 */

export const BUILDS = { orders: '2026.11.23-1', other: '2026.11.23-2' };

/**
 * @param {number} id
 * @param {Partial<Letter> & { contract: string, error: string, message: string }} more
 * @returns {Letter}
 */
export function letter(id, { contract, error, message, ...more }) {
  const key = `4bee58aa-0000-4000-8000-00000000000${id % 10}`;
  return {
    id: String(id),
    subscription: 'notifications.mails',
    headers: {
      specversion: '1.0',
      id: `09e6cedb-0000-4000-8000-0000000000${10 + id}`,
      type: contract,
      source: '/orders',
      producerinstance: 'orders-1',
      producerbuild: BUILDS.orders,
      contractversion: '2',
      partitionkey: key,
      correlationid: `0d31f1ed-0000-4000-8000-00000000000${id % 10}`,
      time: before(40 + id),
    },
    body: JSON.stringify({
      orderId: key,
      customer: { name: 'Ada', email: 'ada@shop.example' },
      total: 1290,
      reason: 'out-of-stock',
    }),
    failure: {
      error,
      message,
      stack: `${error}: ${message}\n    at MailsController.rejected (apps/notifications/src/mails.controller.ts:31:11)\n    at async handle (libs/parley/messaging/src/delivery/pipeline.ts:88:5)`,
      tries: 16,
      instance: 'notifications-1',
      firstFailedAt: before(35 + id),
      lastFailedAt: before(30 + id),
    },
    died: before(30 + id),
    holds: id % 2 === 1,
    edits: 0,
    group: error === 'Error' ? '7c01c57b' : '00c0ffee',
    attempts: 4,
    ...more,
  };
}

/** Dead letters of a service, and the decisions of operators. */
export class Letters {
  /** @type {Json[]} */
  audit = [];
  /** @type {Json[]} Replays in steps. */
  runs = [];
  /** @param {Letter[]} all */
  constructor(all) {
    this.all = all;
  }

  /** @param {URLSearchParams} query */
  fitting(query) {
    return this.all.filter(
      (one) =>
        [null, one.group].includes(query.get('group')) &&
        [null, one.headers['type'] ?? ''].includes(query.get('contract')) &&
        [null, one.subscription].includes(query.get('subscription')),
    );
  }

  /**
   * @param {string[]} path
   * @param {URLSearchParams} query
   * @returns {Reply}
   */
  show([id], query) {
    const found = this.fitting(query);
    if (id === undefined)
      return {
        body: {
          count: found.length,
          deadLetters: found.slice(0, Number(query.get('limit') ?? 100)),
        },
      };
    if (id === 'runs') return { body: { runs: this.runs } };
    if (id === 'groups') return { body: { count: found.length, groups: groupsOf(found) } };
    if (id === 'audit') {
      const of = query.get('letter');
      return {
        body: { entries: this.audit.filter((entry) => of === null || entry['letter'] === of) },
      };
    }
    const one = this.all.find((letter) => letter.id === id);
    return one ? { body: { ...one, replay: previewOf(one) } } : missing('it is gone');
  }

  /**
   * @param {string[]} path
   * @param {Json} asked
   * @param {string} who
   * @returns {Reply}
   */
  change([first = '', verb], asked, who) {
    if (first === 'runs') return this.run(verb, asked, who);
    if (verb === undefined) return this.many(first, asked, who);
    const one = this.all.find(({ id }) => id === first);
    if (!one) return missing(`there is no dead letter ${first} any more`);
    if (verb === 'edit') return this.edit(one, asked, who);
    if (asked['dryRun']) return { body: { replayed: false, replay: previewOf(one) } };
    this.decide(one, verb, who, asked['reason']);
    return { status: verb === 'replay' ? 202 : 200, body: { done: true } };
  }

  /**
   * Begins a replay in steps, which stays in its first one, or cancels it.
   *
   * @param {string | undefined} id
   * @param {Json} asked
   * @param {string} who
   * @returns {Reply}
   */
  run(id, { subscription, group, reason }, who) {
    const running = this.runs.find(({ state }) => state === 'running');
    if (id !== undefined) {
      Object.assign(running ?? {}, { state: 'cancelled', outcome: `cancelled by ${who}` });
      return running ? { body: { cancelled: true } } : missing('it is over');
    }
    if (running)
      return { status: 409, body: { message: `${running['who']} replays ${group} already` } };
    const [total, steps] = [this.all.filter((one) => one.group === group).length, 4];
    this.runs.unshift({
      ...{ id: String(this.runs.length + 1), state: 'running', subscription, group, reason, who },
      ...{ step: 1, steps, total, progress: `0 of ${total} handled`, began: before(0) },
    });
    return { status: 202, body: this.runs[0] };
  }

  /**
   * @param {string} action
   * @param {Json} asked
   * @param {string} who
   * @returns {Reply}
   */
  many(action, { filter, limit, dryRun, reason }, who) {
    const query = new URLSearchParams(/** @type {Record<string, string>} */ (filter));
    const found = this.fitting(query);
    if (dryRun) return { body: { count: found.length, replays: found.map(previewOf) } };
    const next = found.slice(0, Math.min(2, Number(limit)));
    for (const one of next) this.decide(one, action, who, reason);
    return {
      body: {
        upTo: '999',
        done: next.map(({ id }) => id),
        gone: [],
        left: found.length - next.length,
      },
    };
  }

  /**
   * @param {Letter} one
   * @param {Json} asked
   * @param {string} who
   * @returns {Reply}
   */
  edit(one, asked, who) {
    const { total } = JSON.parse(String(asked['body']));
    if (typeof total !== 'number')
      return {
        status: 422,
        body: { message: 'total Invalid input: expected number, received string' },
      };
    one.body = String(asked['body']);
    one.edits += 1;
    this.note(one, asked['replay'] ? 'edit and replay' : 'edit', who, asked['reason']);
    if (asked['replay']) this.all = this.all.filter((other) => other !== one);
    return { body: { edited: true, replayed: asked['replay'] ?? false } };
  }

  /**
   * @param {Letter} one
   * @param {string} action
   * @param {string} who
   * @param {unknown} reason
   */
  decide(one, action, who, reason) {
    this.all = this.all.filter((other) => other !== one);
    this.note(one, action, who, reason);
  }

  /**
   * @param {Letter} one
   * @param {string} action
   * @param {string} who
   * @param {unknown} reason
   */
  note({ id, subscription }, action, who, reason) {
    this.audit.unshift({
      ...{ at: new Date().toISOString(), who, action, letter: id, subscription, reason },
      ...{ outcome: 'done', became: action.includes('replay') ? 'handled' : undefined },
    });
  }
}

/** @param {Letter[]} letters */
function groupsOf(letters) {
  return [...new Set(letters.map(({ group }) => group))].map((group) => {
    const own = letters.filter((one) => one.group === group);
    const [one] = own;
    return {
      group,
      count: own.length,
      relapsed: group === '7c01c57b' ? 1 : 0,
      error: one?.failure['error'],
      cause: one?.failure['message'],
      contract: one?.headers['type'],
      subscriptions: [...new Set(own.map(({ subscription }) => subscription))],
      first: own.at(-1)?.died,
      last: one?.died,
    };
  });
}

/** @param {Letter} letter */
const previewOf = ({ id, subscription, headers, holds }) => ({
  letter: id,
  subscription,
  contract: headers['type'],
  handler: 'MailsController.rejected',
  expect: 'handled',
  why: 'MailsController.rejected runs; whether it succeeds, only a replay tells',
  lane: { key: headers['partitionkey'], held: holds, waiting: holds ? 3 : 0 },
});
