// A shop that only pretends: it answers what operations of its services answer, with everything an
// operator may have to see at the same time.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { BUILDS, letter, Letters } from './pretended-letters.mjs';
import { before, MINUTE, missing } from './pretended-replies.mjs';
import { repairs, SAGAS, sagasFor, wholeSaga } from './pretended-sagas.mjs';

/** @import { IncomingMessage, Server } from 'node:http' */
/** @import { AddressInfo } from 'node:net' */
/** @import { Json, Reply } from './pretended-replies.mjs' */

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
    this.startedAt = performance.now() - 3 * 60 * MINUTE;
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
          uptime: Math.round((performance.now() - this.startedAt) / 1_000),
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
