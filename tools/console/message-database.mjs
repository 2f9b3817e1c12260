// A database for the messages of a console, in the PostgreSQL of the tests.
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { useTestPostgres } from '../database/test-postgres.mjs';
import { Mistake } from '../terminal/errors.mjs';

const OPEN_WITHIN_MS = 60_000;

/** Starts it. @returns its URL, and how to end it */
export async function startStore() {
  const postgres = await useTestPostgres();
  const name = `console_check_${process.pid}`;
  await as(postgres.url, `create database ${name}`);
  const url = new URL(postgres.url);
  url.pathname = `/${name}`;
  return {
    url: url.href,
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
      await as(postgres.url, `drop database ${name} with (force)`);
      await postgres.release();
    },
  };
}

/** @param {string} connectionString @param {string} sql */
async function as(connectionString, sql) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}
