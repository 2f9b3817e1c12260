-- The keys of secrets that are worth something for a while: one at a time for each length of life, the same for all services. A key
-- is destroyed after twice that life: what it encrypted last can be read for the life at least. The row stays, so that a destroyed
-- key can be told from one that was never there.
create table parley.secret_key (
  id uuid primary key,
  life interval not null,
  secret bytea, -- null: destroyed
  since timestamptz not null default clock_timestamp(),
  ends timestamptz not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1);

create index secret_key_life on parley.secret_key (life, since);

-- The key to encrypt with now: the newest one while it is young, or the one given.
create function parley.secret_key(milliseconds float8, new_id uuid, new_secret bytea) returns table (id uuid, secret bytea)
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare l interval := milliseconds * interval '1 ms';
begin
  perform require_any_service();
  perform destroy_secret_keys();
  return query select x.id, x.secret from secret_key x where x.life = l and x.since > clock_timestamp() - l and x.secret is not null order by x.since desc limit 1;
  if found then return; end if;
  perform pg_advisory_xact_lock(hashtext('parley.secret_key'));
  return query select x.id, x.secret from secret_key x where x.life = l and x.since > clock_timestamp() - l and x.secret is not null order by x.since desc limit 1;
  if found then return; end if;
  insert into secret_key (id, life, secret, ends) values (new_id, l, new_secret, clock_timestamp() + 2 * l);
  return query select new_id, new_secret;
end $$;

-- Those whose time is over; now and then, and whenever a key is asked for.
create function parley.destroy_secret_keys() returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  update secret_key set secret = null where secret is not null and ends < clock_timestamp();
end $$;
