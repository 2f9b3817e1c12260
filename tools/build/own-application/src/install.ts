// Once for each version, as a migration: what Parley needs in the database of the application.
import { install } from '@parley/postgres';
import { Client } from 'pg';
import { adminUrl, databaseUrl } from './config.js';

async function main(): Promise<void> {
  const client = new Client({ connectionString: adminUrl });
  await client.connect();
  const role = new URL(databaseUrl).username;
  await install(client, [{ role, service: 'shop' }]);
  await client.query(`
    create table if not exists public.invoice (order_id text primary key, cents integer not null);
    grant select, insert on public.invoice to ${client.escapeIdentifier(role)}`);
  await client.end();
}

void main();
