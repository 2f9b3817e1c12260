// Services of Parley in the processes of its contestants: Nest applications with a store in
// PostgreSQL.
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { kitIn } from '../../tools/calls/kit-process.mjs';

/**
 * @typedef {object} KitPlace
 * @property {string} dist the compiled kit
 * @property {string} postgres URL of the superuser
 */

const PASSWORD = 'bench';
const SERVICES = ['shop', 'warehouse'].map((service) => ({ role: `bench_${service}`, service }));

/**
 * The database as a service sees it, by the role of its own.
 * @param {KitPlace} place
 * @param {string} service
 */
export function databaseOf({ postgres }, service) {
  const url = new URL(postgres);
  url.username = `bench_${service}`;
  url.password = PASSWORD;
  return url.href;
}

/** @param {KitPlace} place */
export async function installKit({ postgres, dist }) {
  const { install } = kitIn(dist)('transports/postgres');
  const client = new pg.Client({ connectionString: postgres });
  await client.connect();
  for (const { role } of SERVICES)
    await client.query(`do $$ begin create role ${role} login password '${PASSWORD}';
      exception when duplicate_object then null; end $$`);
  await install(client, SERVICES);
  await client.query(
    'grant all on public.effect to public; grant create on schema public to public',
  );
  await client.end();
}

/**
 * A class whose methods are bound by these decorators, without their syntax, which plain JavaScript
 * does not have.
 * @param {Record<string, { bind: any, run: (message: any, context: any) => Promise<unknown> }>} methods
 */
export function controllerWith(methods) {
  class Handlers {}
  Controller()(Handlers);
  for (const [name, { bind, run }] of Object.entries(methods)) {
    const method = { value: run, writable: true, configurable: true };
    Object.defineProperty(Handlers.prototype, name, method);
    bind(Handlers.prototype, name, method);
  }
  return Handlers;
}

/**
 * Starts a service whose messages travel by these technologies.
 * @param {KitPlace} place
 * @param {object} options
 * @param {'shop' | 'warehouse'} options.service
 * @param {string[]} options.technologies
 * @param {Record<string, string>} options.urls by kind
 * @param {any[]} [options.controllers]
 * @param {any[]} [options.imports]
 * @param {any[]} [options.migrations]
 * @param {number} [options.concurrency]
 * @param {boolean} [options.store] false: without one, and so without transactions
 */
export async function startService(place, options) {
  const { service, technologies, urls, controllers = [], imports = [] } = options;
  const { migrations = [], concurrency = 10, store = true } = options;
  const kit = kitIn(place.dist);
  const { MessagingModule, Messenger, Transactions, startMessaging } = kit('messaging');
  const { PostgresStore } = kit('transports/postgres');
  const url = databaseOf(place, service);
  const dataSource = new DataSource({
    type: 'postgres',
    url,
    poolSize: concurrency + 2,
    migrations,
  });
  if (store) await dataSource.initialize();
  if (migrations.length > 0) await dataSource.runMigrations();
  const messaging = MessagingModule.forRoot({
    service,
    build: 'bench',
    technologies: technologies.map((name) => kit(`transports/${name}`)[name]),
    urls,
    store: store ? new PostgresStore(dataSource, { service }) : undefined,
    concurrency,
    /** @param {string} level @param {string} text @param {unknown} details */
    log: (level, text, details) => level !== 'info' && console.error(level, text, details),
  });
  class App {}
  Module({ imports: [messaging, ...imports], controllers })(App);
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
