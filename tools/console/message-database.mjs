// A database for the messages of a console, in the PostgreSQL of the tests.
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { useTestPostgres } from '../database/test-postgres.mjs';
import { Mistake } from '../terminal/errors.mjs';

const INSTALLER = 'dist/libs/parley/transports/postgres/src/install.js';
const OPEN_WITHIN_MS = 60_000;

/** Starts it. @returns its URL, and how to end it */
export async function startStore() {
  const postgres = await useTestPostgres();
  const name = `console_check_${process.pid}`;
  const own = new URL(postgres.url);
  own.pathname = `/${name}`;
  await onServer(postgres.url, async (client) => {
    await client.query(`create database ${name}`);
    await client.query(`create role ${name} login password 'check'`);
    await client.query(`grant create on database ${name} to ${name}`);
  });
  const { install } = createRequire(import.meta.url)(path.resolve(INSTALLER));
  await onServer(own.href, (client) => install(client, [{ role: name, service: 'console' }]));
  [own.username, own.password] = [name, 'check'];
  return {
    url: own.href,
    /**
     * The console opens its store beside its start.
     * @param {string} console
     * @param {string} token
     */
    async whenOpen(console, token) {
      const headers = { authorization: `Bearer ${token}` };
      for (const until = performance.now() + OPEN_WITHIN_MS; ; await sleep(100)) {
        if ((await fetch(`${console}/api/messages/store`, { headers })).ok) return;
        if (performance.now() > until) throw new Mistake('The console opens no store of messages.');
      }
    },
    async stop() {
      await onServer(postgres.url, async (client) => {
        await client.query(`drop database ${name} with (force)`);
        await client.query(`drop role ${name}`);
      });
      await postgres.release();
    },
  };
}

/**
 * @param {string} connectionString
 * @param {(client: pg.Client) => Promise<unknown>} work
 */
async function onServer(connectionString, work) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  await work(client).finally(() => client.end());
}
