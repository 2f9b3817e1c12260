// Parley: the whole kit in two Nest applications, with a store in PostgreSQL. `settings` say which
// kind of message travels, and on which technology.
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { kitIn } from '../../tools/calls/kit-process.mjs';
import { Order } from './order.mjs';

/** @import { Contestant, Place, Work } from './process.mjs' */

const PASSWORD = 'bench';
/** @param {string} service */
const roleOf = (service) => `bench_${service}`;

/**
 * @param {Place} place
 * @param {string} service
 */
function databaseOf({ postgres }, service) {
  const url = new URL(postgres);
  url.username = roleOf(service);
  url.password = PASSWORD;
  return url.href;
}

/** @type {Map<string, any>} a name is defined once a process */
const contracts = new Map();

/**
 * The message, in the lane of its customer or in none. Events are of the sender, and always have a
 * lane.
 * @param {Place} place
 * @param {Pick<Work, 'keyed'>} work
 */
function contractOf({ dist, settings }, { keyed }) {
  const { command, event } = kitIn(dist)('contract');
  const inTurn = { key: 'customer' };
  const [name, define, options] =
    settings['kind'] === 'event'
      ? ['shop.order-placed', event, inTurn]
      : keyed
        ? ['warehouse.pack-order-in-turn', command, inTurn]
        : ['warehouse.pack-order', command, {}];
  const contract = contracts.get(name) ?? define(name, Order, options);
  contracts.set(name, contract);
  return contract;
}

/**
 * A controller without the syntax of decorators, which plain JavaScript does not have.
 * @param {Place} place
 * @param {Work} work
 * @param {(message: Order) => Promise<void>} handled
 */
function controllerOf(place, work, handled) {
  const { Handles, Subscription } = kitIn(place.dist)('messaging');
  const { batch, effect } = work;
  class Warehouse {
    /** @param {any} given a message, or a batch of them @param {any} context */
    async pack(given, { tx }) {
      for (const message of [given].flat()) await handled(message);
      if (effect)
        await tx.query('insert into public.effect (run, n) values ($1, $2)', [given.run, given.n]);
    }
  }
  Controller()(Warehouse);
  Subscription('packing')(Warehouse);
  const method = Object.getOwnPropertyDescriptor(Warehouse.prototype, 'pack');
  Handles(contractOf(place, work), batch ? { batch } : {})(Warehouse.prototype, 'pack', method);
  return Warehouse;
}

/**
 * @param {Place} place
 * @param {'shop' | 'warehouse'} service
 * @param {{ controllers?: any[], concurrency?: number }} [options]
 */
async function started(place, service, { controllers = [], concurrency = 10 } = {}) {
  const kit = kitIn(place.dist);
  const { MessagingModule, Messenger, Transactions, startMessaging } = kit('messaging');
  const { postgres, PostgresStore } = kit('transports/postgres');
  const { kind, technology } = place.settings;
  const url = databaseOf(place, service);
  const dataSource = new DataSource({ type: 'postgres', url, poolSize: concurrency + 2 });
  class App {}
  Module({
    imports: [
      MessagingModule.forRoot({
        service,
        build: 'bench',
        technologies: [technology === 'postgres' ? postgres : kit(`transports/${technology}`)[technology]], // prettier-ignore
        urls: { [`${kind}s`]: technology === 'postgres' ? url : /** @type {any} */ (place)[technology] }, // prettier-ignore
        store: new PostgresStore(dataSource, { service }),
        concurrency,
        /** @param {string} level @param {string} text @param {unknown} details */
        log: (level, text, details) => level !== 'info' && console.error(level, text, details),
      }),
    ],
    controllers,
  })(App);
  const app = await NestFactory.create(App, new FastifyAdapter(), {
    logger: false,
    abortOnError: false,
  });
  await startMessaging(app);
  return {
    messenger: app.get(Messenger),
    transactions: app.get(Transactions),
    end: async () => {
      await app.close();
      if (dataSource.isInitialized) await dataSource.destroy();
    },
  };
}

/** @type {Contestant} */
export default {
  async install({ postgres, dist }) {
    const { install } = kitIn(dist)('transports/postgres');
    const client = new pg.Client({ connectionString: postgres });
    await client.connect();
    const services = ['shop', 'warehouse'].map((service) => ({ role: roleOf(service), service }));
    for (const { role } of services)
      await client.query(`do $$ begin create role ${role} login password '${PASSWORD}';
        exception when duplicate_object then null; end $$`);
    await install(client, services);
    await client.query('grant all on public.effect to public');
    await client.end();
  },

  async producer(place) {
    const { messenger, transactions, end } = await started(place, 'shop');
    const say = place.settings['kind'] === 'event' ? 'publish' : 'send';
    return {
      send: (message, work) =>
        place.settings['outbox']
          ? transactions.run(() => messenger[say](contractOf(place, work), message))
          : messenger[say](contractOf(place, work), message),
      sendTogether: (messages, work) =>
        transactions.run(async () => {
          for (const message of messages) await messenger[say](contractOf(place, work), message);
        }),
      end,
    };
  },

  async consumer(place, work, handled) {
    const controller = controllerOf(place, work, handled);
    const { end } = await started(place, 'warehouse', {
      controllers: [controller],
      concurrency: work.concurrency,
    });
    return end;
  },
};
