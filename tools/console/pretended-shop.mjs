// A shop that only pretends: it answers what operations of its services answer, with everything an
// operator may have to see at the same time. Dead letters can be edited, replayed and discarded.
import { once } from 'node:events';
import { createServer } from 'node:http';

/** @import { IncomingMessage, Server } from 'node:http' */
/** @import { AddressInfo } from 'node:net' */

/** @typedef {{ status?: number, body: unknown }} Reply */
/** @typedef {Record<string, unknown>} Json */
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

const MINUTE = 60_000;
/** @param {number} minutes */
const before = (minutes) => new Date(Date.now() - minutes * MINUTE).toISOString();
/** @param {string} message */
const missing = (message) => ({ status: 404, body: { status: 404, message } });

const BUILDS = { orders: '2026.11.23-1', other: '2026.11.23-2' };

/**
 * @param {number} id
 * @param {Partial<Letter> & { contract: string, error: string, message: string }} more
 * @returns {Letter}
 */
function letter(id, { contract, error, message, ...more }) {
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

/** Dead letters of a service, and what operators did with them. */
class Letters {
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

/**
 * @param {string} subscription
 * @param {Partial<{ waiting: number, parked: number, delayed: number, dead: number }>} [more]
 */
const waits = (subscription, more = {}) => ({
  ...{ subscription, waiting: 0, parked: 0, delayed: 0, dead: 0 },
  ...more,
});

/**
 * @param {string} kind
 * @param {string} name
 * @param {[string, string][]} [handlers] handler and subscription
 * @param {string} [key]
 */
const knows = (kind, name, handlers = [], key = undefined) => ({
  ...{ name, kind, owner: name.split('.')[0], version: 1, key },
  handlers: handlers.map(([handler, subscription]) => ({
    ...{ contract: name, kind, version: 1, handler },
    ...(kind === 'call'
      ? { deadline: 2_000, idempotent: true }
      : { subscription, concurrency: 10, timeout: 30_000, transaction: 'handler' }),
    ...(kind !== 'call' && { retry: { immediate: 3, delays: [1_000, 10_000, 60_000] } }),
  })),
});

/** Contracts that each service knows and handles. */
const CONTRACTS = {
  gateway: [
    knows('call', 'catalog.quote-price'),
    knows('call', 'orders.place-order'),
    knows('broadcast', 'catalog.price-changed', [['PricesController.changed', 'gateway.prices']]),
    knows('event', 'orders.order-placed', [['StreamController.placed', 'gateway.stream']]),
  ],
  orders: [
    knows('call', 'catalog.quote-price'),
    knows('call', 'orders.place-order', [['OrdersController.place', 'orders']]),
    knows('command', 'inventory.reserve-stock'),
    knows('command', 'payments.charge-payment'),
    knows('event', 'orders.order-placed', [['fulfilment.start', 'orders.fulfilment']], 'orderId'),
    knows('event', 'orders.order-rejected'),
    knows('event', 'inventory.stock-reserved', [['fulfilment.on', 'orders.fulfilment']]),
  ],
  catalog: [
    knows('call', 'catalog.quote-price', [['QuotesController.quote', 'catalog']]),
    knows('broadcast', 'catalog.price-changed'),
  ],
  inventory: [
    knows('command', 'inventory.reserve-stock', [['StockController.reserve', 'inventory']]),
    knows('event', 'inventory.stock-reserved'),
  ],
  payments: [
    knows('command', 'payments.charge-payment', [['PaymentController.charge', 'payments']]),
  ],
  notifications: [
    knows('event', 'orders.order-rejected', [['MailsController.rejected', 'notifications.mails']]),
    knows('command', 'notifications.send-letter'),
  ],
};

/** @param {string} key @param {number} minutes @param {Json} [more] */
const saga = (key, minutes, more = {}) => ({
  ...{ name: 'fulfilment', key, stage: 'charging', done: false, version: 3 },
  correlationId: `0d31f1ed-0000-4000-8000-00000000000${minutes % 10}`,
  startedAt: before(minutes),
  changedAt: before(minutes - 1),
  ...more,
});

const SAGAS = [
  saga('4bee58aa-0000-4000-8000-000000000001', 31),
  saga('4bee58aa-0000-4000-8000-000000000002', 5, { stage: 'reserving' }),
  saga('4bee58aa-0000-4000-8000-000000000003', 240, { stage: 'delivered', done: true }),
];

/** What operators did to the sagas. */
const repairs = /** @type {Json[]} */ ([]);

/** @param {Json} one */
const wholeSaga = (one) => ({
  ...one,
  ...{ waitsFor: ['payments.payment-captured'], asked: ['payments.charge-payment'] },
  ...{ waitsSince: before(26), cancellable: true, repairs },
  ahead: [
    { on: 'payments.payment-captured', to: 'shipping', says: ['shipping.ship-order'], done: false },
    { on: 'shipping.parcel-dispatched', to: 'delivering', says: [], done: false },
    { on: 'shipping.parcel-delivered', to: 'delivered', says: ['CompleteOrder'], done: true },
  ],
  state: { orderId: one['key'], total: 1290, parcels: [] },
  history: [
    {
      at: before(31),
      trigger: 'orders.order-placed',
      to: 'reserving',
      said: ['inventory.reserve-stock'],
    },
    {
      at: before(30.97),
      trigger: 'inventory.stock-reserved',
      from: 'reserving',
      to: 'charging',
      said: ['payments.charge-payment'],
      changes: [{ field: 'stage', from: '"reserving"', to: '"charging"' }],
    },
  ],
  timeouts: [
    { name: 'payment', due: before(-10), times: 0, failures: 0 },
    { name: 'reminder', due: before(2), times: 3, failures: 3, error: 'the provider is away' },
  ],
});

/** @typedef {'ready' | 'degraded' | 'down'} Health */

/** An instance of the pretended shop. */
class Instance {
  /**
   * @param {string} service
   * @param {number} number
   * @param {{ health?: Health, reason?: string, part?: string, build?: string, paused?: Json[], outbox?: Json, backlog?: Json[], overdue?: Json[], letters?: Letters, sagas?: boolean }} [about]
   */
  constructor(service, number, about = {}) {
    this.service = service;
    this.name = `${service}-${number}`;
    this.about = about;
    this.concurrency = 10;
    this.startedAt = Date.now() - 3 * 60 * MINUTE;
    /** @type {Server} */
    this.server = createServer((request, response) => {
      void this.answer(request).then(({ status = 200, body }) =>
        response
          .writeHead(status, { 'content-type': 'application/json' })
          .end(JSON.stringify(body)),
      );
    });
  }

  async start() {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    const { port } = /** @type {AddressInfo} */ (this.server.address());
    return `http://127.0.0.1:${port}`;
  }

  /**
   * @param {IncomingMessage} request
   * @returns {Promise<Reply>}
   */
  async answer(request) {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://instance');
    const [area, name = '', ...rest] = pathname.slice(1).split('/').map(decodeURIComponent);
    if (area === 'health') return this.ready();
    if (request.method !== 'POST') return this.show(name, rest, searchParams);
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const asked = JSON.parse(Buffer.concat(chunks).toString() || '{}');
    const who = `${request.headers['x-operator'] ?? 'somebody'} (claimed)`;
    if (name === 'concurrency') {
      const [subscription] = rest;
      const was = this.concurrency;
      this.concurrency = asked.concurrency;
      return { body: { subscription, before: was, concurrency: asked.concurrency } };
    }
    if (name === 'sagas') return this.repair(rest, asked, who);
    return this.about.letters?.change(rest, asked, who) ?? missing('there is nothing to change');
  }

  /**
   * A saga changes only once: the next repair comes too late.
   *
   * @param {string[]} path
   * @param {Json} asked
   * @param {string} who
   * @returns {Reply}
   */
  repair([saga, key, action = ''], { reason }, who) {
    if (repairs.length > 0)
      return { status: 409, body: { message: `${saga} ${key} changed meanwhile; look again` } };
    repairs.push({ at: before(0), who, action, reason, outcome: 'done' });
    return { status: 202, body: { done: true } };
  }

  /** @returns {Reply} */
  ready() {
    const { health = 'ready', part = 'database', reason } = this.about;
    const details = {
      database: { status: 'up' },
      [part]: {
        status: health === 'down' ? 'down' : 'up',
        ...(health !== 'ready' && { reason }),
        ...(health === 'degraded' && { degraded: true }),
      },
    };
    return { status: health === 'down' ? 503 : 200, body: { status: health, details } };
  }

  /**
   * @param {string} name
   * @param {string[]} rest
   * @param {URLSearchParams} query
   * @returns {Reply}
   */
  show(name, rest, query) {
    const {
      letters,
      backlog = [],
      overdue = [],
      build = BUILDS.orders,
      paused,
      outbox,
    } = this.about;
    if (name === 'status')
      return {
        body: {
          ...{ service: this.service, instance: this.name, build, phase: 'running' },
          uptime: Math.round((Date.now() - this.startedAt) / 1_000),
          memory: 90 * 1_048_576,
          paused,
          outbox: outbox ?? { waiting: 0, oldestAge: 0 },
        },
      };
    if (name === 'backlog') return { body: backlog };
    if (name === 'overdue') return { body: overdue };
    if (name === 'concurrency')
      return {
        body: {
          subscriptions: backlog.map(({ subscription }) => ({
            ...{ kind: String(subscription).includes('.') ? 'event' : 'command', subscription },
            concurrency: this.concurrency,
          })),
        },
      };
    if (name === 'dead-letters')
      return letters?.show(rest, query) ?? { body: { count: 0, deadLetters: [] } };
    const contracts = CONTRACTS[/** @type {keyof typeof CONTRACTS} */ (this.service)] ?? [];
    if (name === 'contracts') return { body: contracts };
    if (name === 'explain') {
      const contract = contracts.find((one) => one.name === rest[0]);
      return contract ? { body: explained(contract) } : missing('not loaded');
    }
    if (name === 'sagas' && this.about.sagas) {
      if (rest.length === 0) return { body: sagasFor(query) };
      const one = SAGAS.find(({ key }) => key === rest[1]);
      return one ? { body: wholeSaga(one) } : missing('there is no such saga');
    }
    return missing(`there is no /operations/${name} here`);
  }
}

/** @param {URLSearchParams} query */
function sagasFor(query) {
  const conversations = JSON.parse(query.get('conversations') ?? 'null');
  const state = query.get('state');
  return SAGAS.filter(
    ({ correlationId, done }) =>
      (conversations === null || conversations.includes(correlationId)) &&
      (state === null || (state === 'finished') === done),
  );
}

/** @param {ReturnType<typeof knows>} contract */
const explained = ({ handlers, ...contract }) => ({
  contract,
  says: {
    technology: contract.kind === 'call' ? 'grpc' : 'postgres',
    address: 'postgres://127.0.0.1:25432/parley',
    hops: [
      { what: 'outbox', name: 'parley.outbox', why: 'stored with the transaction that says it' },
      {
        what: 'log',
        name: 'parley.event',
        why: 'kept; every subscription reads it in its own pace',
      },
    ],
  },
  handlers,
});

/** @returns {Instance[]} */
function instances() {
  const mails = [1, 2, 3, 4, 5].map((id) =>
    letter(id, {
      contract: 'orders.order-rejected',
      error: 'Error',
      message: "EEXIST: file already exists, mkdir '.data/mail'",
    }),
  );
  const charges = [6, 7].map((id) =>
    letter(id, {
      contract: 'payments.charge-payment',
      error: 'ProviderError',
      message: 'the provider answers 500 to every charge of this card',
      subscription: 'payments',
    }),
  );
  const run = { contract: 'payments.charge-payment', handler: 'PaymentController.charge' };
  return [
    new Instance('gateway', 1),
    new Instance('orders', 1, {
      sagas: true,
      backlog: [waits('orders'), waits('orders.fulfilment', { waiting: 1_204, parked: 2 })],
    }),
    new Instance('orders', 2, {
      sagas: true,
      build: BUILDS.other,
      backlog: [waits('orders'), waits('orders.fulfilment', { waiting: 1_204, parked: 2 })],
    }),
    new Instance('catalog', 1, {
      health: 'degraded',
      part: 'broadcast (redis)',
      reason: 'the connection to redis is lost',
    }),
    new Instance('inventory', 1, {
      health: 'down',
      reason: 'connect ECONNREFUSED 127.0.0.1:25432',
      backlog: [waits('inventory', { waiting: 12 })],
    }),
    new Instance('payments', 1, {
      paused: [
        { kind: 'command', subscription: 'payments', reason: 'the provider is away', since: 0 },
      ],
      backlog: [waits('payments', { waiting: 31, delayed: 4, dead: charges.length })],
      overdue: [{ ...run, id: 'm-1', subscription: 'payments', age: 75_400, ended: false }],
      letters: new Letters(charges),
      outbox: { waiting: 3, oldestAge: 61_000, reasons: ['rabbitmq: connection closed'] },
    }),
    new Instance('notifications', 1, {
      backlog: [waits('notifications.mails', { parked: 9, dead: mails.length })],
      letters: new Letters(mails),
    }),
  ];
}

/** Starts it. @returns the addresses of its instances, and how to end it */
export async function pretendShop() {
  /** @type {Record<string, string[]>} */
  const addresses = {};
  const all = instances();
  for (const one of all) (addresses[one.service] ??= []).push(await one.start());
  // One that does not answer.
  const gone = new Instance('shipping', 1);
  addresses['shipping'] = [await gone.start()];
  gone.server.close();
  await once(gone.server, 'close');
  return {
    addresses,
    async stop() {
      for (const { server } of all) {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      }
    },
  };
}
