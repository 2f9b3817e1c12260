-- What a service keeps its side of the conversation in: outbox, inbox, parked lanes and dead letters of other technologies.
create table parley.outbox (
  service text not null,
  id bigint generated always as identity,
  contract text not null,
  headers bytea not null,
  body bytea not null,
  due timestamptz, -- null: at once
  at timestamptz not null default clock_timestamp(),
  primary key (service, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_insert_threshold = -1);
create index outbox_ready on parley.outbox (service, id) where due is null;
create index outbox_later on parley.outbox (service, due) where due is not null;

create function parley.add_to_outbox(s text, contracts text[], heads bytea[], bodies bytea[], delays bigint[]) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare start timestamptz := clock_timestamp();
begin
  perform require_service(s);
  insert into outbox (service, contract, headers, body, due)
    select s, x.c, x.h, x.b, start + x.d * interval '1 ms' from unnest(contracts, heads, bodies, delays) x(c, h, b, d);
end $$;

-- Oldest first, without those in the relay's hand and those of contracts that it has no room for.
create function parley.outbox_due(s text, n int, held bigint[] default '{}', unwanted text[] default '{}') returns table (id bigint, contract text, headers bytea, body bytea)
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare now timestamptz := clock_timestamp();
begin
  perform require_service(s);
  return query select x.id, x.contract, x.headers, x.body from (
    (select * from outbox o where o.service = s and o.due is null and o.id <> all(held) and o.contract <> all(unwanted) order by o.id limit n)
    union all (select * from outbox o where o.service = s and o.due <= now and o.id <> all(held) and o.contract <> all(unwanted) order by o.due limit n)) x
    order by x.id limit n;
end $$;

create function parley.remove_from_outbox(s text, ids bigint[]) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
begin
  perform require_service(s);
  perform set_config('synchronous_commit', 'off', true); -- what a crash of the server brings back is published again, under the same id
  delete from outbox o where o.service = s and o.id = any(ids);
end $$;

-- In milliseconds.
create function parley.outbox_state(s text) returns table (waiting bigint, oldest_age double precision, next_due double precision)
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare now timestamptz := clock_timestamp();
begin
  perform require_service(s);
  return query select (select count(*) from outbox o where o.service = s),
    coalesce(1000 * extract(epoch from now - least(
      (select o.at from outbox o where o.service = s and o.due is null order by o.id limit 1),
      (select o.due from outbox o where o.service = s and o.due <= now order by o.due limit 1)))::double precision, 0),
    1000 * extract(epoch from (select o.due from outbox o where o.service = s and o.due > now order by o.due limit 1) - now)::double precision;
end $$;

-- As the kit makes it of a body.
create function parley.print_of(body bytea) returns uuid
language sql immutable set search_path = pg_catalog, parley, pg_temp as $$ select left(encode(sha256(body), 'hex'), 32)::uuid $$;

-- False also for a message that waits in its lane, or for a person: its duplicate must not overtake it.
create function parley.record_message(q int, m uuid, p uuid default null) returns boolean
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
begin
  perform require_queue(q);
  if exists (select from parked w where w.queue = q and w.message_id = m and (p is null or print_of(w.body) = p))
    or exists (select from dead d where d.queue = q and d.message_id = m and (p is null or print_of(d.body) = p)) then
    return false;
  end if;
  insert into inbox (queue, message_id, print) values (q, m, p) on conflict do nothing;
  if found then return true; end if;
  if exists (select from inbox i where i.queue = q and i.message_id = m and i.print <> p) then raise exception '%', m using errcode = 'PL003'; end if;
  return false;
end $$;

-- As `record_message` for each message of a batch, in one order: batches with the same messages would otherwise wait for each other.
create function parley.record_messages(q int, ms uuid[], ps uuid[]) returns boolean
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare n int;
begin
  perform require_queue(q);
  if exists (select from parked w where w.queue = q and w.message_id = any(ms)) or exists (select from dead d where d.queue = q and d.message_id = any(ms)) then
    return false;
  end if;
  insert into inbox (queue, message_id, print) select q, x.m, x.p from unnest(ms, ps) x(m, p) order by x.m on conflict do nothing;
  get diagnostics n = row_count;
  return n = cardinality(ms);
end $$;

-- The row of a message's lane, locked until the transaction ends. Made when it is missing.
create function parley.lock_lane(q int, l bigint, k text) returns void
language plpgsql set search_path = pg_catalog, parley, pg_temp as $$
begin
  insert into lane as x (queue, lane, until, token, attempts, parked, key) values (q, l, clock_timestamp(), 0, 0, true, k)
    on conflict (queue, lane) do update set parked = true, key = coalesce(x.key, excluded.key);
end $$;

-- Where the first message of a lane comes to lie: before all that wait there.
create function parley.head_of_lane(q int, l bigint, otherwise bigint) returns bigint
language sql set search_path = pg_catalog, parley, pg_temp as $$
  select coalesce((select p.id - 1 from parked p where p.queue = q and p.lane = l order by p.id limit 1), otherwise)
$$;

-- Copies of a message that nothing orders fail at the same moment. Who comes second waits until the first has committed, and its next
-- statement sees what became of that one.
create function parley.lock_message(m uuid) returns void
language sql set search_path = pg_catalog, parley, pg_temp as $$
  select pg_advisory_xact_lock(hashtext('parley.message'), hashtext(m::text))
$$;

-- A failed message waits at the head of its lane; `delay` in milliseconds, null: until a person says so.
create function parley.park(q int, l bigint, k text, m uuid, h bytea, b bytea, delay bigint, why text) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare n bigint := nextval('message_number'); i bigint;
begin
  perform require_queue(q);
  if l is null then
    perform lock_message(m);
    if exists (select from parked p where p.queue = q and p.message_id = m and p.body = b) then return; end if;
  end if;
  l := coalesce(l, n);
  perform lock_lane(q, l, k);
  if exists (select from parked p where p.queue = q and p.message_id = m and p.body = b) then return; end if;
  i := head_of_lane(q, l, n);
  insert into parked values (q, l, i, m, h, b);
  update lane x set until = coalesce(clock_timestamp() + delay * interval '1 ms', 'infinity'), attempts = 1, head = i, failure = why
    where x.queue = q and x.lane = l and x.token = 0;
end $$;

-- True: the message is kept behind those of its parked lane. The lane is locked first, in a statement of its own: a lane that is
-- being released is then gone, and a lane that is not cannot be before this transaction ends.
-- With `passes` the message does not wait for a dead letter.
create function parley.divert(q int, l bigint, m uuid, h bytea, b bytea, passes boolean default false) returns boolean
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare held boolean;
begin
  perform require_queue(q);
  if l is not null then select x.until = 'infinity' into held from lane x where x.queue = q and x.lane = l and x.parked for update; end if;
  if l is null or not found then return exists (select from parked p where p.queue = q and p.message_id = m and p.body = b); end if;
  if exists (select from parked p where p.queue = q and p.message_id = m and p.body = b) then return true; end if;
  if held and passes then return false; end if;
  insert into parked values (q, l, nextval('message_number'), m, h, b);
  return true;
end $$;

-- True: one of these messages waits, or must wait, for its lane. The lanes are locked as by `divert`. A lane that only a dead letter
-- holds counts, too: `divert` knows the messages that pass it.
create function parley.any_blocked(q int, lanes bigint[], ms uuid[]) returns boolean
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
begin
  perform require_queue(q);
  perform from lane x where x.queue = q and x.lane = any(lanes) and x.parked order by x.lane for update;
  return found or exists (select from parked p where p.queue = q and p.message_id = any(ms));
end $$;

create function parley.parked_keys(q int) returns setof text
language plpgsql stable security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  perform require_queue(q);
  return query select x.key from lane x where x.queue = q and x.parked and x.key is not null;
end $$;

-- A dead letter of another technology. Another message under the same id, forged or by mistake, is kept beside the first.
create function parley.bury_message(q int, l bigint, k text, m uuid, h bytea, b bytea, tries int, why text, hold boolean) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare n bigint := nextval('message_number'); i bigint;
begin
  perform require_queue(q);
  if l is not null and hold then perform lock_lane(q, l, k); end if;
  perform lock_message(m);
  if exists (select from dead d where d.queue = q and d.message_id = m and d.body = b) then return; end if;
  delete from parked p where p.queue = q and p.message_id = m and p.body = b returning p.id into i;
  insert into dead (queue, lane, place, message_id, headers, body, attempts, failure, holds)
    values (q, coalesce(l, n), coalesce(i, head_of_lane(q, l, n)), m, h, b, tries, why, hold and l is not null);
  if l is not null and hold then
    update lane x set until = 'infinity', attempts = 0, head = null, failure = null where x.queue = q and x.lane = l and x.token = 0;
    if found then perform let_pass(q, l); end if;
  end if;
end $$;
