-- The event log. Rows are written once and stay; what puts them in order is a small row per partition and batch that
-- `sequence_events` writes when it finds what became visible since its last snapshot. So offsets have no gaps, nobody waits for
-- a long transaction, and there is no leader: any instance may call it.

-- CACHE above 1 would break the order per key: two connections would hold numbers of different ages.
create sequence parley.event_id cache 1;

create table parley.event (
  day date not null,
  id bigint not null,
  xid xid8 not null default pg_current_xact_id(),
  part smallint not null check (part between 0 and 15),
  key text not null,
  message uuid not null,
  contract text not null,
  headers bytea not null,
  body bytea not null,
  at timestamptz not null default clock_timestamp()
) partition by range (day);
create index event_by_id on parley.event (id);
create index event_by_xid on parley.event (xid);

-- Offsets first..last of a partition are these ids, in this order. `made` never goes back, so that offsets grow with it.
create table parley.event_batch (
  part smallint not null,
  made date not null,
  last bigint not null,
  first bigint not null,
  day date not null,
  ids bigint[] not null,
  at timestamptz not null default clock_timestamp(),
  primary key (part, made, last)
) partition by range (made);
create index event_batch_by_time on parley.event_batch (part, at);

-- The safety net: an event whose day nobody prepared is stored here, never refused.
create table parley.event_default partition of parley.event default;
create table parley.event_batch_default partition of parley.event_batch default;

create table parley.event_head (part smallint primary key, next bigint not null default 0) with (fillfactor = 50);
insert into parley.event_head select generate_series(0, 15);

create table parley.event_sequencer (
  one boolean primary key default true check (one),
  -- Everything this snapshot sees is in a batch.
  seen pg_snapshot not null,
  made date not null,
  -- Days before this one hold nothing that is not in a batch: `sequence_events` need not look there.
  since date not null,
  -- A day that is over: no transaction from `closing_xid` on can have written to a day before it.
  closing date,
  closing_xid xid8,
  -- The cluster whose transaction ids `event.xid` are.
  cluster bigint not null
) with (fillfactor = 50);
insert into parley.event_sequencer (seen, made, since, cluster)
  select pg_current_snapshot(), today, today, system_identifier from pg_control_system(), date((clock_timestamp() at time zone 'utc')) today;

create table parley.event_subscription (
  id smallint generated always as identity primary key,
  name text unique not null,
  service text not null generated always as (split_part(name, '.', 1)) stored
);
-- Positions are leased: the owner is who holds the partition, the epoch counts its holders and fences the former ones.
create table parley.event_position (
  sub smallint not null references parley.event_subscription,
  part smallint not null,
  pos bigint not null,
  owner text,
  epoch bigint not null default 0,
  primary key (sub, part)
) with (fillfactor = 50);
-- One row says that an instance lives; renewing its leases touches nothing else.
create table parley.event_member (
  sub smallint not null references parley.event_subscription,
  instance text not null,
  until timestamptz not null,
  primary key (sub, instance)
) with (fillfactor = 50);
-- What was handled above the position; `advance_events` removes what is below.
create table parley.event_handled (sub smallint, part smallint, off bigint, primary key (sub, part, off))
  with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

create function parley.require_subscription(s smallint) returns void
language plpgsql stable security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  if exists (select from event_subscription x join service v on v.service = x.service where x.id = s and v.role = session_user) then return; end if;
  if pg_has_role(session_user, 'parley_owner', 'member') then return; end if;
  raise exception 'role % may not read subscription %: only the service it is named for may', session_user,
    coalesce((select name from event_subscription where id = s), s::text) using errcode = '42501';
end $$;

-- Called last in a transaction, after the rows its events describe are locked: ids then have the order of the changes.
create function parley.append_events(contracts text[], keys text[], parts smallint[], messages uuid[], heads bytea[], bodies bytea[]) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare foreigner text; today date;
begin
  select c into foreigner from unnest(contracts) c
    where not exists (select from service v where v.role = session_user and v.service = split_part(c, '.', 1)) limit 1;
  if foreigner is not null and not pg_has_role(session_user, 'parley_owner', 'member') then
    raise exception 'role % may not publish %: only its owner, %, may', session_user, foreigner, split_part(foreigner, '.', 1) using errcode = '42501';
  end if;
  perform pg_current_xact_id(); -- before the clock is read: see keep_event_days
  today := (clock_timestamp() at time zone 'utc')::date;
  insert into event (day, id, part, key, message, contract, headers, body)
    select today, nextval('event_id'), q.p, q.k, q.m, q.c, q.h, q.b from unnest(contracts, keys, parts, messages, heads, bodies) q(c, k, p, m, h, b);
end $$;

-- Returns how many events got their offsets. A call that finds nothing writes nothing.
create function parley.sequence_events() returns int
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare n int; o pg_snapshot; x xid8[]; d date; m date; contracts text; parts text;
begin
  -- What a crash of the server forgets is found again; whoever settled what was read from it made it durable, too.
  perform set_config('synchronous_commit', 'off', true);
  select seen, since into o, d from event_sequencer;
  x := array(select pg_snapshot_xip(o));
  if not exists (select from event where day >= d and xid = any(x)) and not exists (select from event where day >= d and xid >= pg_snapshot_xmax(o)) then return 0; end if;
  -- One at a time, whoever calls.
  select seen, since, greatest(made, (clock_timestamp() at time zone 'utc')::date) into o, d, m from event_sequencer for update;
  x := array(select pg_snapshot_xip(o));
  with w as materialized (
      select day, id, part, contract from event where day >= d and xid = any(x)
      union all select day, id, part, contract from event where day >= d and xid >= pg_snapshot_xmax(o)),
    numbered as (select w.*, (row_number() over (partition by part, day order by id) - 1) / 1000 as chunk from w),
    g as (select part, day, count(*) c, min(id) lowest, array_agg(id order by id) ids from numbered group by part, day, chunk),
    b as (select g.*, sum(c) over (partition by part order by lowest) s from g),
    h as (update event_head set next = next + t.c from (select part, sum(c) c from g group by part) t where event_head.part = t.part
      returning event_head.part, next - t.c base),
    i as (insert into event_batch (part, made, last, first, day, ids)
      select part, m, base + s - 1, base + s - c, day, ids from b join h using (part) returning cardinality(ids) l),
    -- The snapshot of this very statement: neither more nor less than what `w` saw.
    s as (update event_sequencer set seen = pg_current_snapshot(), made = m where exists (select from w))
    select coalesce(sum(l), 0), (select string_agg(distinct contract, ',') from w), (select string_agg(distinct part::text, ',') from w)
    into n, contracts, parts from i;
  if n > 0 then perform pg_notify('parley_new', case when length(contracts) < 7000 then contracts || '|' || parts else '' end); end if;
  return n;
end $$;

-- Of each partition the next `span` offsets from `froms` on: the events of `wanted` contracts, and one row without a message
-- whose offset is where to read on. `mades` is what that row said last time ('-infinity' at first); it spares old days. Bodies of
-- more than `most` bytes are null: `read_event_body` has them.
create function parley.read_events(s smallint, parts smallint[], froms bigint[], mades date[], span int, wanted text[], most int default 2147483647)
returns table (part smallint, off bigint, made date, key text, message uuid, contract text, headers bytea, body bytea)
language plpgsql stable security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$ -- planning over all the days costs three times the reading
#variable_conflict use_column
begin
  if s is not null then perform require_subscription(s); end if; -- a live tail has none
  if not exists (select from unnest(parts, froms) q(p, f) join event_head h on h.part = q.p and h.next > q.f) then return; end if;
  return query
  with r as materialized (
    select q.p, f.base, f.base + span as stop, b.made, b.first, b.last, b.day, b.ids from unnest(parts, froms, mades) q(p, f, d)
      -- After retention the first offset that is left may lie above the position.
      cross join lateral (select greatest(q.f, b.first) base, b.made from event_batch b where b.part = q.p and b.made >= q.d and b.last >= q.f
        order by b.made, b.last limit 1) f
      cross join lateral (select b.* from event_batch b where b.part = q.p and b.made >= f.made and b.last >= f.base and b.last < f.base + span + 1000
        and b.first < f.base + span order by b.made, b.last) b)
  select r.p, r.first + u.o - 1 as off, null::date, l.key, l.message, l.contract, l.headers, case when octet_length(l.body) <= most then l.body end
    from r, unnest(r.ids) with ordinality u(id, o), event l
    where l.day = r.day and l.id = u.id and r.first + u.o - 1 >= r.base and r.first + u.o - 1 < r.stop and l.contract = any(wanted)
  union all
  select r.p, max(least(r.last + 1, r.stop)), max(r.made), null, null, null, null, null from r group by r.p
  order by 1, 2;
end $$;

-- Null: it is not there any more.
create function parley.read_event_body(s smallint, p smallint, o bigint) returns bytea
language plpgsql stable security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
begin
  if s is not null then perform require_subscription(s); end if;
  return (select l.body from event_batch b join event l on l.day = b.day and l.id = b.ids[(o - b.first + 1)::int]
    where b.part = p and b.last >= o and b.first <= o);
end $$;

create function parley.subscribe_events(subscription text, start text, since timestamptz default null) returns smallint
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
declare s smallint;
begin
  select id into s from event_subscription where name = subscription;
  if s is null then
    insert into event_subscription (name) values (subscription) on conflict do nothing;
    select id into s from event_subscription where name = subscription;
  end if;
  perform require_subscription(s);
  if (select count(*) from event_position where sub = s) = (select count(*) from event_head) then return s; end if;
  insert into event_position (sub, part, pos)
    select s, h.part, coalesce(case start
      when 'now' then h.next
      when 'time' then (select first from event_batch b where b.part = h.part and b.at >= since order by b.at limit 1)
      else (select first from event_batch b where b.part = h.part order by made, last limit 1) end, h.next)
    from event_head h on conflict do nothing;
  return s;
end $$;

-- The ends of all partitions, for a live tail.
create function parley.event_ends() returns table (part smallint, pos bigint)
language sql stable security definer set search_path = pg_catalog, parley, pg_temp as $$ select part, next from event_head $$;

-- Called every ttl/5: says that the instance lives, takes its share of what is free, answers with all it holds. Who holds more
-- than its share drains the surplus and gives it back by `advance_events`. `handled`: for what was taken just now, the offsets
-- from the position on that are done already. `orphaned`: who held it before did not give it up. Without `take` it only keeps what it has: the instance is about to go.
create function parley.lease_events(subs smallint[], me text, ttl interval, take boolean default true)
returns table (sub smallint, part smallint, pos bigint, epoch bigint, share int, handled bigint[], orphaned boolean)
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
#variable_conflict use_column
declare s smallint; now timestamptz := clock_timestamp(); due int; held int; taken smallint[]; orphans smallint[];
begin
  -- A lease that a crash of the server forgets is taken again; whatever was settled under it made it durable, too.
  perform set_config('synchronous_commit', 'off', true);
  foreach s in array subs loop
    perform require_subscription(s);
    insert into event_member values (s, me, now + ttl) on conflict (sub, instance) do update set until = excluded.until;
    select ceil((select count(*) from event_head)::numeric / count(*)) into due from event_member m where m.sub = s and m.until > now;
    select count(*) into held from event_position p where p.sub = s and p.owner = me;
    taken := '{}'; orphans := '{}';
    if take and held < due and exists (select from event_position p where p.sub = s and p.owner is distinct from me
        and not exists (select from event_member m where m.sub = s and m.instance = p.owner and m.until > now)) then
      perform from event_subscription where id = s for no key update; -- one taker at a time, and a fresh snapshot after it
      with free as (
          select p.part, p.owner from event_position p where p.sub = s and p.owner is distinct from me
            and not exists (select from event_member m where m.sub = s and m.instance = p.owner and m.until > now)
          order by random() limit due - held for update skip locked),
        took as (update event_position p set owner = me, epoch = p.epoch + 1 from free where p.sub = s and p.part = free.part returning p.part, free.owner former)
        select coalesce(array_agg(took.part), '{}'), coalesce(array_agg(took.part) filter (where took.former is not null), '{}') into taken, orphans from took;
    end if;
    return query select s, p.part, p.pos, p.epoch, due,
        case when p.part = any(taken) then array(select h.off from event_handled h where h.sub = s and h.part = p.part and h.off >= p.pos) end,
        p.part = any(orphans)
      from event_position p where p.sub = s and p.owner = me;
  end loop;
end $$;

-- The last statement of the handler's transaction, READ COMMITTED. The row goes in first, then the lease is looked at in a new
-- snapshot: who takes over either waits for that row or has raised the epoch, which is seen here. So no lock is needed.
-- `l`: the lane of the event's key; no earlier event of it may be parked, if given.
create function parley.settle_event(s smallint, p smallint, o bigint, e bigint, l bigint default null) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare n int;
begin
  perform require_subscription(s);
  insert into event_handled values (s, p, o) on conflict do nothing;
  get diagnostics n = row_count;
  perform from event_position where sub = s and part = p and epoch = e and pos <= o;
  if not found then raise exception 'the lease of partition % is lost', p using errcode = 'PY001'; end if;
  if n = 0 then raise exception 'offset % of partition % was handled already', o, p using errcode = 'PY002'; end if;
  if l is not null and exists (select from event_subscription u join queue q on q.name = u.name join lane x on x.queue = q.id where u.id = s and x.lane = l and x.parked) then
    raise exception 'the lane of offset % of partition % is parked', o, p using errcode = 'PY003';
  end if;
end $$;

-- As `settle_event` of each event of a batch; nothing is acknowledged when one of them cannot be.
create function parley.settle_events(s smallint, parts smallint[], offs bigint[], epochs bigint[], lanes bigint[]) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare n int; ours int;
begin
  perform require_subscription(s);
  insert into event_handled select s, x.p, x.o from unnest(parts, offs) x(p, o) order by x.p, x.o on conflict do nothing;
  get diagnostics n = row_count;
  select count(*) into ours from unnest(parts, offs, epochs) x(p, o, e)
    where exists (select from event_position c where c.sub = s and c.part = x.p and c.epoch = x.e and c.pos <= x.o);
  if ours < cardinality(offs) then raise exception 'the lease of a partition of % events is lost', cardinality(offs) using errcode = 'PY001'; end if;
  if n < cardinality(offs) then raise exception 'one of % events was handled already', cardinality(offs) using errcode = 'PY002'; end if;
  if exists (select from event_subscription u join queue q on q.name = u.name join lane x on x.queue = q.id where u.id = s and x.lane = any(lanes) and x.parked) then
    raise exception 'the lane of one of % events is parked', cardinality(offs) using errcode = 'PY003';
  end if;
end $$;

-- Moves positions forward, returns the partitions whose lease is lost. `free` gives them up, too.
create function parley.advance_events(s smallint, parts smallint[], uptos bigint[], epochs bigint[], free boolean default false) returns setof smallint
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare moved smallint[];
begin
  perform require_subscription(s);
  perform set_config('synchronous_commit', 'off', true);
  perform from event_position p where p.sub = s and p.part = any(parts) order by p.part for update;
  with q as (select * from unnest(parts, uptos, epochs) q(part, upto, epoch)),
    m as (update event_position c set pos = greatest(c.pos, q.upto), owner = case when not free then c.owner end
      from q where c.sub = s and c.part = q.part and c.epoch = q.epoch returning c.part, c.pos),
    d as (delete from event_handled h using m where h.sub = s and h.part = m.part and h.off < m.pos)
    select coalesce(array_agg(m.part), '{}') into moved from m;
  if free then perform pg_notify('parley_lease', s::text); end if;
  return query select p from unnest(parts) p where p <> all(moved);
end $$;

-- The instance goes: whatever it still holds is free at once.
create function parley.leave_events(subs smallint[], me text) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
declare s smallint;
begin
  foreach s in array subs loop
    perform require_subscription(s);
    update event_position p set owner = null where p.sub = s and p.owner = me;
    delete from event_member m where m.sub = s and m.instance = me;
    perform pg_notify('parley_lease', s::text);
  end loop;
end $$;

-- How many events lie between the position and the end. Where days were dropped, what is gone is not counted.
create function parley.event_backlog(subs smallint[]) returns table (sub smallint, waiting bigint)
language sql stable security definer set search_path = pg_catalog, parley, pg_temp as $$
  select p.sub, coalesce(sum(h.next - greatest(p.pos, least(h.next, f.first))), 0)::bigint from event_position p join event_head h using (part)
    left join lateral (select b.first from event_batch b where b.part = p.part and p.pos < h.next and b.last >= p.pos order by b.made, b.last limit 1) f on true
    where p.sub = any(subs) group by p.sub
$$;

create function parley.make_event_day(parent text, wanted date) returns void
language plpgsql set search_path = pg_catalog, parley, pg_temp as $$
declare child text := parent || '_' || to_char(wanted, 'YYYYMMDD');
begin
  if to_regclass('parley.' || child) is not null then return; end if;
  -- Created apart and attached: `create … partition of` would lock out everyone who appends.
  execute format('create table parley.%I (like parley.%I including defaults including constraints)', child, parent);
  execute format('alter table parley.%I attach partition parley.%I for values from (%L) to (%L)', parent, child, wanted, wanted + 1);
exception
  when lock_not_available or check_violation or duplicate_table then
    raise log 'parley: % stays without its own table for now (%)', child, sqlerrm; -- its rows go to the default partition
end $$;

-- The days that were dropped.
create function parley.drop_event_days(parent text, before date) returns text
language plpgsql set search_path = pg_catalog, parley, pg_temp as $$
declare child text; dropped text[] := '{}';
begin
  for child in select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = ('parley.' || parent)::regclass and c.relname ~ '_\d{8}$' and to_date(right(c.relname, 8), 'YYYYMMDD') < before order by 1 loop
    begin
      execute format('drop table parley.%I', child);
      dropped := dropped || to_date(right(child, 8), 'YYYYMMDD')::text;
    exception when lock_not_available then null; -- publishers would queue behind us: next time
    end;
  end loop;
  return nullif(array_to_string(dropped, ', '), '');
end $$;

-- The first day of which a subscription has something to read, and which subscriptions they are.
create function parley.unread_days() returns table (day date, name text)
language sql stable set search_path = pg_catalog, parley, pg_temp as $$
  -- What became visible late may be of the day before.
  select min(least(b.day, b.made)) - 1, s.name from event_position p join event_subscription s on s.id = p.sub
    cross join lateral (select b.day, b.made from event_batch b where b.part = p.part and b.last >= p.pos order by b.made, b.last limit 1) b
    group by s.name
$$;

-- Transaction ids belong to a cluster. In another one (a dump was restored) new events would never be found: what is in a batch
-- gets an id nobody looks for, the rest that of this transaction.
create function parley.mend_events() returns boolean
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
declare here bigint; d date;
begin
  select system_identifier into here from pg_control_system();
  if exists (select from event_sequencer where cluster = here) then return false; end if;
  select since into d from event_sequencer where cluster <> here for update;
  if not found then return false; end if;
  update event l set xid = case when exists (select from event_batch b where b.part = l.part and b.day = l.day and l.id = any(b.ids))
    then '0'::xid8 else pg_current_xact_id() end where l.day >= d;
  update event_sequencer set cluster = here, closing = null, closing_xid = null, seen = (now.x::text || ':' || now.x || ':')::pg_snapshot
    from (select pg_snapshot_xmin(pg_current_snapshot()) x) now;
  update event_position set owner = null, epoch = epoch + 1;
  delete from event_member;
  return true;
end $$;

-- Any instance calls it at start and every hour: days ahead, which days `sequence_events` may leave out, and which are past their
-- time. The log is kept for ever, unless the installation's owner says otherwise: for good, by keep('log', '90 days'), or now, by
-- `keep`. What a subscription has not read stays; with `unread` it goes, too. Answers with what was dropped, and what was not and why.
create function parley.keep_event_days(ahead int default 3, keep int default null, unread boolean default false) returns text
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp set lock_timeout = '200ms' as $$
declare now timestamptz := clock_timestamp(); today date := (now at time zone 'utc')::date; over date := ((now - interval '1 hour') at time zone 'utc')::date;
  border date; waited date; readers text; dropped text;
begin
  if keep is not null or unread then perform require_owner('drop events'); end if;
  if not pg_try_advisory_xact_lock(hashtext('parley.keep_event_days')) then return null; end if;
  perform mend_events();
  -- A day is closed in two steps: an hour after its end note the next transaction id; when the sequencer has seen every older
  -- transaction end, nothing of that day can appear any more (append_events takes its id before it reads the clock).
  update event_sequencer set since = closing, closing = null, closing_xid = null where pg_snapshot_xmin(seen) >= closing_xid;
  update event_sequencer set closing = over, closing_xid = pg_snapshot_xmax(pg_current_snapshot()) where closing is null and since < over;
  for i in 0..ahead loop
    perform make_event_day('event', today + i), make_event_day('event_batch', today + i);
  end loop;
  delete from event_member where until < now - interval '1 hour';
  keep := coalesce(keep, extract(epoch from kept('log', null)) / 86400);
  if keep is null then return null; end if;
  border := least(today - keep, (select since from event_sequencer));
  if not unread then select min(d.day), string_agg(d.name, ', ' order by d.name) into waited, readers from unread_days() d where d.day < border; end if;
  border := least(border, waited);
  dropped := drop_event_days('event', border);
  perform drop_event_days('event_batch', border - 1);
  delete from event_default where day < border;
  delete from event_batch_default where made < border - 1;
  return nullif(concat_ws('; ', 'dropped ' || dropped, 'days from ' || waited || ' on stay for ' || readers || ', which have not read them'), '');
end $$;
select parley.keep_event_days();

revoke execute on all functions in schema parley from public;
