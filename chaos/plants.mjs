// Broken promises, to prove that a run finds them. Planted into the functions of the run's own database, so that no product code
// has a switch for it.
import pg from 'pg';

export const PLANTS = {
  'dedup-off': {
    what: 'events are handled again after a crash, and former holders of a lease still write',
    sql: `create or replace function parley.settle_event(s smallint, p smallint, o bigint, e bigint, l bigint default null) returns void
      language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$ begin perform require_subscription(s); end $$`,
  },
  'outbox-off': {
    what: 'one in fifty commands is lost between the commit and the queue',
    sql: `create or replace function parley.lose_some() returns trigger language plpgsql as $$
        begin if random() < 0.02 then return null; end if; return new; end $$;
      create or replace trigger lose_some before insert on parley.message for each row execute function parley.lose_some()`,
  },
};

export async function plant(name, databaseUrl) {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(PLANTS[name].sql);
  await client.end();
}
