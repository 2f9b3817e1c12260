-- Messages never change, lanes do. A message is inserted once and deleted once, in the transaction of its effect; lease, attempts
-- and retry time live in a row of its lane, which exists only while the lane is busy or parked. A lane is a key's (negative) or,
-- without a key, a message's own (its id). Senders never touch lane rows, so they never wait for each other.
create sequence parley.message_number;

create table parley.message (
  queue int not null,
  lane bigint not null,
  id bigint not null,
  message_id uuid not null,
  headers bytea not null,
  body bytea not null,
  primary key (queue, lane, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_insert_threshold = -1);

-- Messages of parked lanes, moved out of the way of `claim`. Only who holds the lane row's lock writes here: a message that
-- arrived after its lane was released would lie here for ever.
create table parley.parked (like parley.message, primary key (queue, lane, id));
create index parked_by_message on parley.parked (queue, message_id);

create table parley.lane (
  queue int not null,
  lane bigint not null,
  until timestamptz not null, -- leased or closed until then
  token bigint not null, -- who leased it; 0: nobody
  attempts int not null,
  parked boolean not null default false,
  head bigint, -- the message the attempts and the failure are about
  failure text,
  key text, -- as JSON, for lanes that were parked by their key
  primary key (queue, lane)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
create index lane_by_due_time on parley.lane (queue, until) where parked;

create table parley.later (
  queue int not null,
  due timestamptz not null,
  id bigint not null,
  lane bigint,
  message_id uuid not null,
  headers bytea not null,
  body bytea not null,
  primary key (queue, due, id)
);

create table parley.dead (
  id bigint generated always as identity primary key,
  queue int not null,
  lane bigint not null,
  place bigint not null, -- its id while it lived: where it goes back to in its lane
  message_id uuid not null,
  headers bytea not null,
  body bytea not null,
  attempts int not null,
  failure text not null,
  died timestamptz not null default clock_timestamp()
);
create index dead_by_message on parley.dead (queue, message_id);

create table parley.inbox (
  queue int not null,
  message_id uuid not null,
  at timestamptz not null default now(),
  primary key (queue, message_id)
) with (autovacuum_vacuum_insert_threshold = -1);
create index inbox_by_time on parley.inbox using brin (at);

-- True when its sender lets a message pass a dead letter of its key. A quote within a value is written as \".
create function parley.passes_dead_letters(headers bytea) returns boolean
language sql immutable as $$ select position('"passdeadletters":"true"'::bytea in headers) > 0 $$;

-- Any service may send to any queue. One call for all messages of a transaction. Delays in milliseconds, null: none.
create function parley.send(queues text[], lanes bigint[], ids uuid[], heads bytea[], bodies bytea[], delays bigint[]) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare q int; n bigint; at timestamptz := clock_timestamp(); missing text;
begin
  perform require_any_service();
  if cardinality(queues) = 1 and delays[1] is null then -- the usual case, at a third of the cost
    select k.id into q from queue k where k.name = queues[1];
    if q is not null then
      n := nextval('message_number');
      insert into message values (q, coalesce(lanes[1], n), n, ids[1], heads[1], bodies[1]);
      return;
    end if;
  end if;
  select x into missing from unnest(queues) x where not exists (select from queue k where k.name = x) limit 1;
  if missing is not null then raise exception 'there is no queue %: no service of that name is registered here', missing using errcode = 'PL404'; end if;
  with numbered as materialized (select x.*, nextval('message_number') number
      from (select k.id queue, u.* from unnest(queues, lanes, ids, heads, bodies, delays) with ordinality u(name, lane, message_id, headers, body, delay, place)
        join queue k on k.name = u.name order by u.place) x),
    sent as (insert into message select queue, coalesce(lane, number), number, message_id, headers, body from numbered where delay is null)
  insert into later select queue, at + delay * interval '1 ms', number, lane, message_id, headers, body from numbered where delay is not null;
end $$;

-- Messages whose time has come get their place in their lane now. Returns how many.
-- `next`: milliseconds until the next one is due, null when there is none. `suspects`: whether `claim_suspect` has something.
create function parley.wake(q int, n int, out woken int, out next double precision, out suspects boolean)
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare at timestamptz := clock_timestamp(); -- a variable: an index cannot serve the volatile function
begin
  perform require_queue(q);
  perform set_config('synchronous_commit', 'off', true); -- a crash of the server puts them back, all or none
  with due as materialized (select x.queue, x.due, x.id from later x where x.queue = q and x.due <= at order by x.due, x.id limit n for update skip locked),
    gone as (delete from later x using due d where x.queue = d.queue and x.due = d.due and x.id = d.id returning x.*),
    again as materialized (select g.*, nextval('message_number') number from (select * from gone order by due, id) g)
  insert into message select queue, coalesce(lane, number), number, message_id, headers, body from again;
  get diagnostics woken = row_count;
  select extract(epoch from x.due - at) * 1000 into next from later x where x.queue = q and x.due > at order by x.due limit 1;
  suspects := exists (select from lane l where l.queue = q and l.suspect and l.until <= at);
end $$;

-- Lanes of which everything leased was handled. First the locks, in a statement of its own: whoever held one may have put a
-- message into the lane, which only the next statement's snapshot sees.
create function parley.release_lanes(q int, done bigint[], t bigint) returns void
language plpgsql set search_path = pg_catalog, parley, pg_temp as $$
declare c int;
begin
  perform from lane l where l.queue = q and l.lane = any(done) and l.token = t order by l.lane for update;
  delete from lane l where l.queue = q and l.lane = any(done) and l.token = t
    and not (l.parked and exists (select from parked p where p.queue = q and p.lane = l.lane));
  get diagnostics c = row_count;
  if c < cardinality(done) then
    update lane l set until = clock_timestamp(), token = 0, attempts = 0, suspect = false where l.queue = q and l.lane = any(done) and l.token = t;
  end if;
end $$;

-- Leases up to n lanes between two bounds and reads the first messages of each: a skip scan from lane to lane, so that a long
-- lane costs no more than a short one. A scan that meets 500 lanes which are not free is broken off; `reached` of a row without a lane
-- says where, and the next scan goes on from there: so nobody starves behind the lanes of others. With `aside`, a lane whose lease ran
-- out is not leased but marked: a process may have ended of its first message.
create function parley.claim_between(q int, t bigint, above bigint, upto bigint, n int, depth int, lease interval, most int, aside boolean)
returns table (lane bigint, attempts int, failure text, id bigint, message_id uuid, headers bytea, body bytea, reached bigint)
language plpgsql set search_path = pg_catalog, parley, pg_temp as $$
#variable_conflict use_column
declare at timestamptz := clock_timestamp();
begin
  return query
  with recursive scan (lane, state, free, seen) as (
      select above, null::text, 0, 0
      union all
      select x.lane, l.state, s.free + (l.state is null)::int, s.seen + 1
      from scan s
        cross join lateral (select m.lane from message m where m.queue = q and m.lane > s.lane and m.lane <= upto order by m.lane limit 1) x
        left join lateral (select case
            when l.until > at then case when l.parked then 'closed' else 'held' end
            when l.parked then 'due'
            when aside and l.suspect then 'suspect'
            when aside and l.token <> 0 then 'lost' end state
          from lane l where l.queue = q and l.lane = x.lane limit 1) l on true
      where s.free < n and s.seen < n + 500),
    seen as materialized (select * from scan where seen > 0),
    -- Late messages of closed lanes: out of the way, so that the next scan does not meet them again.
    -- Messages that pass dead letters are in lanes of their own from here on.
    closed as materialized (select l.lane, l.until = 'infinity' held from lane l
      where l.queue = q and l.lane = any(array(select s.lane from seen s where s.state = 'closed')) and l.token = 0 and l.until > at
      for update skip locked),
    moved as (delete from message m using closed k, lateral (select y.id from message y where y.queue = q and y.lane = k.lane order by y.id limit 100) y
      where m.queue = q and m.lane = k.lane and m.id = y.id returning m.*, k.held and passes_dead_letters(m.headers) passes),
    park as (insert into parked select queue, lane, id, message_id, headers, body from moved where not passes),
    pass as (insert into message select queue, number, number, message_id, headers, body
      from (select x.*, nextval('message_number') number from (select * from moved where passes order by id) x) x),
    due as materialized (select l.lane, aside and l.token <> 0 lost from lane l
      where l.queue = q and l.parked and l.until <= at and l.lane > above and l.lane <= upto and not (aside and l.suspect)
      order by l.until limit n for update skip locked),
    marked as (update lane l set suspect = true, token = 0
      where l.queue = q and l.lane = any(array(select s.lane from seen s where s.state = 'lost' union all select d.lane from due d where d.lost)) and l.until <= at),
    again as (update lane l set until = at + lease, token = t, head = h.id,
        attempts = attempts_of(l, h.id), failure = case when l.head = h.id then l.failure end
      from due d left join lateral (select least(
        (select m.id from message m where m.queue = q and m.lane = d.lane order by m.id limit 1),
        (select p.id from parked p where p.queue = q and p.lane = d.lane order by p.id limit 1)) id) h on true
      where not d.lost and l.queue = q and l.lane = d.lane returning l.lane, l.attempts, l.failure),
    fresh as (insert into lane as l (queue, lane, until, token, attempts, head)
      select q, s.lane, at + lease, t, 1, (select m.id from message m where m.queue = q and m.lane = s.lane order by m.id limit 1)
      from seen s where s.state is null
      on conflict (queue, lane) do update set until = excluded.until, token = t, head = excluded.head,
          attempts = attempts_of(l, excluded.head), failure = case when l.head = excluded.head then l.failure end
        where l.until <= at and not l.parked
      returning l.lane, l.attempts, l.failure)
  select c.lane, c.attempts, c.failure, m.id, m.message_id, m.headers, case when octet_length(m.body) <= most then m.body end, null::bigint
  from (select * from again union all select * from fresh) c
    left join lateral (
      (select * from message m where m.queue = q and m.lane = c.lane order by m.id limit depth)
      union all (select * from parked p where p.queue = q and p.lane = c.lane order by p.id limit depth)
      order by 3 limit depth) m on true
  union all (select null, null, null, null, null, null, null, s.lane from seen s where s.seen = n + 500 and s.free < n)
  order by 1, 4;
end $$;

-- One round trip: releases finished lanes, leases others. Keyed lanes go round from the cursor, the rest is oldest first, from `beyond`
-- on. A row without a message is a lane that a crash left empty: release it next time. A row without a lane says how far a scan came
-- that was broken off: keyed below 0. Bodies of more than `most` bytes are null: `read_message_body` has them. `beyond` null: a build
-- that knows neither of broken-off scans nor of suspects.
create function parley.claim(q int, done bigint[], t bigint, cursor bigint, n int, depth int, lease interval, most int default 2147483647, beyond bigint default null)
returns table (lane bigint, attempts int, failure text, id bigint, message_id uuid, headers bytea, body bytea, reached bigint)
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare lowest constant bigint := -9223372036854775808; half constant int := (n + 1) / 2; aside constant boolean := beyond is not null; got int;
begin
  perform require_queue(q);
  -- A lease that a crash of the server forgets is taken again, and its former holder is fenced.
  perform set_config('synchronous_commit', 'off', true);
  if cardinality(done) > 0 then perform release_lanes(q, done, t); end if;
  if n <= 0 then return; end if;
  perform pg_advisory_xact_lock(hashtext('parley.claim'), q); -- two that lease the same lanes in another order would wait for each other
  return query select * from claim_between(q, t, cursor, -1, half, depth, lease, most, aside) c where aside or c.lane is not null;
  get diagnostics got = row_count;
  if got < half and cursor > lowest then
    return query select * from claim_between(q, t, lowest, cursor, half - got, depth, lease, most, aside) c where aside or c.lane is not null;
  end if;
  return query select * from claim_between(q, t, coalesce(beyond, 0), 9223372036854775807, n - least(got, half), 1, lease, most, aside) c where aside or c.lane is not null;
end $$;

-- Leases one lane that came back without an outcome, with its first message alone: nothing of what follows is to share its fate.
-- Those that came back last come last. Nothing: there is none, or others have them.
create function parley.claim_suspect(q int, t bigint, lease interval, most int)
returns table (lane bigint, attempts int, failure text, id bigint, message_id uuid, headers bytea, body bytea)
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare at timestamptz := clock_timestamp();
begin
  perform require_queue(q);
  perform set_config('synchronous_commit', 'off', true);
  return query
  with due as materialized (select l.lane from lane l where l.queue = q and l.suspect and l.until <= at order by l.until limit 1 for update skip locked),
    again as (update lane l set until = at + lease, token = t, head = h.id,
        attempts = attempts_of(l, h.id), failure = case when l.head = h.id then l.failure end
      from due d left join lateral (select least(
        (select m.id from message m where m.queue = q and m.lane = d.lane order by m.id limit 1),
        (select p.id from parked p where p.queue = q and p.lane = d.lane order by p.id limit 1)) id) h on true
      where l.queue = q and l.lane = d.lane returning l.lane, l.attempts, l.failure, l.head)
  select c.lane, c.attempts, c.failure, m.id, m.message_id, m.headers, case when octet_length(m.body) <= most then m.body end
  from again c left join lateral (
      (select * from message m where m.queue = q and m.lane = c.lane and m.id = c.head)
      union all (select * from parked p where p.queue = q and p.lane = c.lane and p.id = c.head)) m on true;
end $$;

-- Null: it is not there any more.
create function parley.read_message_body(q int, l bigint, i bigint) returns bytea
language plpgsql stable security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
begin
  perform require_queue(q);
  return coalesce((select m.body from message m where m.queue = q and m.lane = l and m.id = i), (select p.body from parked p where p.queue = q and p.lane = l and p.id = i));
end $$;

-- The acknowledgement, the last statement of the handler's transaction. The token, which only the lane's holder knows, is the
-- permission. The row is the fence: of two holders who both come this far, one finds it gone and is rolled back.
create function parley.settle(q int, l bigint, i bigint, t bigint, p uuid default null) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare m uuid;
begin
  delete from message c where c.queue = q and c.lane = l and c.id = i
    and exists (select from lane x where x.queue = q and x.lane = l and x.token = t and t <> 0) returning c.message_id into m;
  if m is null then
    delete from parked c where c.queue = q and c.lane = l and c.id = i
      and exists (select from lane x where x.queue = q and x.lane = l and x.token = t and t <> 0) returning c.message_id into m;
  end if;
  if m is null then raise exception 'the lease of lane % is lost', l using errcode = 'PL001'; end if;
  insert into inbox (queue, message_id, print) values (q, m, p) on conflict do nothing;
  if not found then perform refuse_repeated(q, m, p); end if;
end $$;

-- As `settle` of each message of a batch; nothing is acknowledged when one of them cannot be. Rows go into the inbox in one order:
-- batches with the same messages would otherwise wait for each other.
create function parley.settle_all(q int, lanes bigint[], ids bigint[], t bigint, prints uuid[]) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare gone int; noted int; gone_parked int; noted_parked int;
begin
  with ours as (select w.* from unnest(lanes, ids, prints) w(lane, id, print)
      where exists (select from lane x where x.queue = q and x.lane = w.lane and x.token = t and t <> 0)),
    moved as (delete from message c using ours o where c.queue = q and c.lane = o.lane and c.id = o.id returning c.message_id, o.print),
    recorded as (insert into inbox (queue, message_id, print) select q, m.message_id, m.print from moved m order by m.message_id on conflict do nothing returning 1)
  select (select count(*) from moved), (select count(*) from recorded) into gone, noted;
  if gone < cardinality(ids) then
    with ours as (select w.* from unnest(lanes, ids, prints) w(lane, id, print)
        where exists (select from lane x where x.queue = q and x.lane = w.lane and x.token = t and t <> 0)),
      moved as (delete from parked c using ours o where c.queue = q and c.lane = o.lane and c.id = o.id returning c.message_id, o.print),
      recorded as (insert into inbox (queue, message_id, print) select q, m.message_id, m.print from moved m order by m.message_id on conflict do nothing returning 1)
    select (select count(*) from moved), (select count(*) from recorded) into gone_parked, noted_parked;
    gone := gone + gone_parked;
    noted := noted + noted_parked;
  end if;
  if gone < cardinality(ids) then raise exception 'the lease of one of % lanes is lost', cardinality(ids) using errcode = 'PL001'; end if;
  if noted < gone then raise exception 'one of % messages was handled before', cardinality(ids) using errcode = 'PL002'; end if;
end $$;

-- It is in the inbox already: as the same message, or as another one under its id.
create function parley.refuse_repeated(q int, m uuid, p uuid) returns void
language plpgsql set search_path = pg_catalog, parley, pg_temp as $$
begin
  if exists (select from inbox i where i.queue = q and i.message_id = m and i.print <> p) then raise exception '%', m using errcode = 'PL003'; end if;
  raise exception 'message % was handled before', m using errcode = 'PL002';
end $$;

-- Acknowledges on its own: what took effect elsewhere, or before. False: the lane is somebody else's.
create function parley.discard(q int, l bigint, i bigint, t bigint) returns boolean
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
begin
  perform from lane x where x.queue = q and x.lane = l and x.token = t and t <> 0 for update;
  if not found then return false; end if;
  delete from message c where c.queue = q and c.lane = l and c.id = i;
  if not found then delete from parked c where c.queue = q and c.lane = l and c.id = i; end if;
  return true;
end $$;

-- Closes the lane until the message is due again; what is in it moves out of the way.
create function parley.retry(q int, l bigint, i bigint, t bigint, attempt int, delay bigint, why text) returns boolean
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
begin
  update lane x set until = clock_timestamp() + delay * interval '1 ms', token = 0, parked = true, suspect = false, head = i, attempts = attempt, failure = why
    where x.queue = q and x.lane = l and x.token = t and t <> 0;
  if not found then return false; end if;
  with moved as (delete from message m using (select y.id from message y where y.queue = q and y.lane = l order by y.id limit 100) y
    where m.queue = q and m.lane = l and m.id = y.id returning m.*)
  insert into parked select * from moved;
  return true;
end $$;

-- A dead letter closed the lane: messages that pass it continue in lanes of their own. The lane's row is locked.
create function parley.let_pass(q int, l bigint) returns void
language sql set search_path = pg_catalog, parley, pg_temp as $$
  with passing as (delete from parked p where p.queue = q and p.lane = l and passes_dead_letters(p.headers) returning p.*),
    numbered as materialized (select x.*, nextval('message_number') number from (select * from passing order by id) x),
    moved as (insert into parked select queue, number, number, message_id, headers, body from numbered)
  insert into lane (queue, lane, until, token, attempts, parked) select queue, number, clock_timestamp(), 0, 0, true from numbered
$$;

-- Keeps a message as a dead letter; its lane goes on, or (`hold`) waits for a person. A copy of a dead letter is only dropped.
create function parley.bury(q int, l bigint, i bigint, t bigint, tries int, why text, hold boolean) returns boolean
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
begin
  perform from lane x where x.queue = q and x.lane = l and x.token = t and t <> 0 for update;
  if not found then return false; end if;
  perform lock_message(y.message_id) from (select m.message_id from message m where m.queue = q and m.lane = l and m.id = i
    union all select p.message_id from parked p where p.queue = q and p.lane = l and p.id = i) y;
  with a as (delete from message m where m.queue = q and m.lane = l and m.id = i returning m.*),
    b as (delete from parked p where p.queue = q and p.lane = l and p.id = i returning p.*)
  insert into dead (queue, lane, place, message_id, headers, body, attempts, failure, holds)
    select x.queue, x.lane, x.id, x.message_id, x.headers, x.body, tries, why, hold from (select * from a union all select * from b) x
    where not exists (select from dead d where d.queue = q and d.message_id = x.message_id and d.body = x.body);
  hold := hold and found and l < 0; -- a message that passed a dead letter is in a lane of its own
  if hold or exists (select from parked p where p.queue = q and p.lane = l) then
    update lane x set until = case when hold then 'infinity' else clock_timestamp() end, token = 0, parked = true, suspect = false, attempts = 0, head = null, failure = null
      where x.queue = q and x.lane = l;
    if hold then perform let_pass(q, l); end if;
  else
    delete from lane x where x.queue = q and x.lane = l;
  end if;
  return true;
end $$;

-- Gives lanes back as they were, to be leased again after `pause` milliseconds; the delivery did not count.
create function parley.give_back(q int, lanes bigint[], t bigint, pause bigint) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  update lane x set until = clock_timestamp() + pause * interval '1 ms', token = 0,
      attempts = case when x.suspect then x.attempts else greatest(x.attempts - 1, 0) end
    where x.queue = q and x.lane = any(lanes) and x.token = t and t <> 0;
end $$;

-- Returns the lanes that are still ours.
create function parley.renew(q int, lanes bigint[], t bigint, lease interval) returns setof bigint
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  perform from lane x where x.queue = q and x.lane = any(lanes) and x.token = t order by x.lane for update;
  return query update lane x set until = clock_timestamp() + lease where x.queue = q and x.lane = any(lanes) and x.token = t and t <> 0 returning x.lane;
end $$;

create function parley.backlog(queues int[]) returns table (queue int, waiting bigint, parked bigint, delayed bigint, dead bigint)
language sql stable security definer set search_path = pg_catalog, parley, pg_temp as $$
  select q, (select count(*) from message m where m.queue = q), (select count(*) from parked p where p.queue = q),
    (select count(*) from later x where x.queue = q), (select count(*) from dead d where d.queue = q)
  from unnest(queues) q
$$;
