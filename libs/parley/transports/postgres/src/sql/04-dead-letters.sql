-- What people see of dead letters, and do about them. Everything done is written into `audit` by the statement that does it.
alter table parley.dead
  add column contract text not null default '',
  add column error text not null default '',
  add column cause text not null default '', -- the first line of the error's message, without UUIDs
  add column grouped text not null default '',
  add column holds boolean not null default false, -- its lane waits for it
  add column edits int not null default 0;
create index dead_that_holds on parley.dead (queue, lane) where holds;

create table parley.audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  service text not null,
  who text not null,
  action text not null,
  letter bigint not null,
  outcome text not null,
  reason text,
  queue int,
  message_id uuid,
  subscription text,
  contract text,
  headers bytea,
  failure text,
  before bytea,
  after bytea
);
create index audit_by_letter on parley.audit (service, letter);

-- A field of a JSON document that anybody may have written; '' when PostgreSQL cannot read it (NUL, half a surrogate).
create function parley.text_of(document bytea, field text) returns text
language plpgsql immutable set search_path = pg_catalog, parley, pg_temp as $$
begin
  return coalesce(convert_from(document, 'UTF8')::json ->> field, '');
exception when others then
  return '';
end $$;

-- As causeOf() of @parley/messaging.
create function parley.with_cause(d parley.dead) returns parley.dead
language plpgsql set search_path = pg_catalog, parley, pg_temp as $$
begin
  d.contract := text_of(d.headers, 'type');
  d.error := text_of(convert_to(d.failure, 'UTF8'), 'error');
  d.cause := regexp_replace(split_part(text_of(convert_to(d.failure, 'UTF8'), 'message'), E'\n', 1),
    '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', '…', 'gi');
  d.grouped := left(md5(d.error || E'\n' || d.cause || E'\n' || d.contract), 8);
  return d;
end $$;

-- Never replaced, for the trigger depends on it: what may change is in with_cause().
create or replace function parley.find_cause() returns trigger
language plpgsql set search_path = pg_catalog, parley, pg_temp as $$ begin return with_cause(new); end $$;
create trigger find_cause before insert on parley.dead for each row execute function parley.find_cause();

-- What died before this script was there.
update parley.dead d set contract = c.contract, error = c.error, cause = c.cause, grouped = c.grouped,
    holds = exists (select from parley.lane l where l.queue = d.queue and l.lane = d.lane and l.until = 'infinity')
  from (select (w).* from (select parley.with_cause(o) w from parley.dead o) x) c where c.id = d.id;

-- Without a search path of its own PostgreSQL puts it into the queries that use it, which then read only what they need.
create function parley.dead_of(s text, sub text, con text, err text, grp text, since timestamptz, till timestamptz, upto bigint) returns setof parley.dead
language sql stable as $$
  select d.* from parley.dead d join parley.queue k on k.id = d.queue
    where k.service = s and (sub is null or k.name = sub) and (con is null or d.contract = con) and (err is null or d.error = err)
      and (grp is null or d.grouped = grp) and (since is null or d.died >= since) and (till is null or d.died < till) and (upto is null or d.id <= upto)
$$;

create function parley.dead_letters(s text, sub text, con text, err text, grp text, since timestamptz, till timestamptz, upto bigint, n int, newest boolean)
returns table (id bigint, subscription text, headers bytea, body bytea, attempts int, failure text, died timestamptz, holds boolean, edits int, "group" text, relapses int)
language plpgsql stable security definer set search_path = pg_catalog, parley, pg_temp as $$
#variable_conflict use_column
begin
  perform require_service(s);
  return query select d.id, k.name, d.headers, d.body, d.attempts, d.failure, d.died, d.holds, d.edits, d.grouped, d.relapses
    from dead_of(s, sub, con, err, grp, since, till, upto) d join queue k on k.id = d.queue
    order by case when newest then -d.id else d.id end limit n;
end $$;

create function parley.count_dead_letters(s text, sub text, con text, err text, grp text, since timestamptz, till timestamptz, upto bigint) returns bigint
language plpgsql stable security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  perform require_service(s);
  return (select count(*) from dead_of(s, sub, con, err, grp, since, till, upto));
end $$;

create function parley.dead_groups(s text, sub text, con text, err text, grp text, since timestamptz, till timestamptz, upto bigint, n int)
returns table ("group" text, error text, cause text, contract text, count int, subscriptions text[], first timestamptz, last timestamptz, relapsed int)
language plpgsql stable security definer set search_path = pg_catalog, parley, pg_temp as $$
#variable_conflict use_column
begin
  perform require_service(s);
  return query select d.grouped, d.error, d.cause, d.contract, count(*)::int, array_agg(distinct k.name order by k.name), min(d.died), max(d.died), (count(*) filter (where d.relapses > 0))::int
    from dead_of(s, sub, con, err, grp, since, till, upto) d join queue k on k.id = d.queue
    group by 1, 2, 3, 4 order by 5 desc, min(d.id) limit n;
end $$;

-- One letter, and what stands between it and its handler.
create function parley.dead_letter(s text, i bigint)
returns table (id bigint, subscription text, headers bytea, body bytea, attempts int, failure text, died timestamptz, holds boolean, edits int, "group" text, relapses int,
  handled boolean, waiting int, held_by bigint)
language plpgsql stable security definer set search_path = pg_catalog, parley, pg_temp as $$
#variable_conflict use_column
begin
  perform require_service(s);
  return query select d.id, k.name, d.headers, d.body, d.attempts, d.failure, d.died, d.holds, d.edits, d.grouped, d.relapses,
      exists (select from inbox x where x.queue = d.queue and x.message_id = d.message_id),
      ((select count(*) from parked p where p.queue = d.queue and p.lane = d.lane and p.id > d.place)
        + (select count(*) from message m where m.queue = d.queue and m.lane = d.lane and m.id > d.place))::int,
      (select min(o.id) from dead o where o.queue = d.queue and o.lane = d.lane and o.holds and o.id <> d.id)
    from dead d join queue k on k.id = d.queue where d.id = i and k.service = s;
end $$;

-- The letter, locked until the transaction ends: who comes second finds it gone. Or nothing.
create function parley.lock_letter(s text, i bigint) returns parley.dead
language plpgsql set search_path = pg_catalog, parley, pg_temp as $$
declare d dead;
begin
  perform require_service(s);
  select x.* into d from dead x join queue k on k.id = x.queue where x.id = i and k.service = s for update of x;
  return d;
end $$;

create function parley.write_down(s text, by_whom text, what text, i bigint, how text, why text, d parley.dead, later bytea) returns void
language sql set search_path = pg_catalog, parley, pg_temp as $$
  insert into audit (service, who, action, letter, outcome, reason, queue, message_id, subscription, contract, headers, failure, before, after)
    values (s, by_whom, what, i, how, why, d.queue, d.message_id, (select name from queue where id = d.queue), d.contract, d.headers, d.failure, d.body, later)
$$;

-- Lets the lane of a letter that is gone now go on, unless it waits for another one.
create function parley.open_lane(d parley.dead) returns void
language plpgsql set search_path = pg_catalog, parley, pg_temp as $$
begin
  perform from lane x where x.queue = d.queue and x.lane = d.lane for update; -- before looking: see release_lanes
  if exists (select from dead o where o.queue = d.queue and o.lane = d.lane and o.holds) then return; end if;
  if exists (select from parked p where p.queue = d.queue and p.lane = d.lane) then
    update lane x set until = clock_timestamp(), attempts = 0, head = null, failure = null where x.queue = d.queue and x.lane = d.lane and x.token = 0;
  else
    delete from lane x where x.queue = d.queue and x.lane = d.lane and x.token = 0;
  end if;
end $$;

-- At the place in its lane it had.
create function parley.put_back(d parley.dead) returns void
language plpgsql set search_path = pg_catalog, parley, pg_temp as $$
begin
  insert into lane as x (queue, lane, until, token, attempts, parked) values (d.queue, d.lane, clock_timestamp(), 0, 0, true)
    on conflict (queue, lane) do update set parked = true;
  if exists (select from parked p where p.queue = d.queue and p.lane = d.lane and p.id = d.place) then
    d.place := head_of_lane(d.queue, d.lane, d.place);
  end if;
  insert into parked values (d.queue, d.lane, d.place, d.message_id, d.headers, d.body);
  delete from dead x where x.id = d.id;
  -- Behind a message that waits for its retry it waits, too.
  if d.holds or not exists (select from parked p where p.queue = d.queue and p.lane = d.lane and p.id < d.place) then perform open_lane(d); end if;
end $$;

-- Returns the queue to wake, or null when the letter is not there any more.
create function parley.replay(s text, i bigint, by_whom text, why text) returns text
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare d dead := lock_letter(s, i);
begin
  if d.id is null then
    perform write_down(s, by_whom, 'replay', i, 'gone', why, d, null);
    return null;
  end if;
  perform put_back(d);
  perform write_down(s, by_whom, 'replay', i, 'done', why, d, null);
  return (select name from queue where id = d.queue);
end $$;

create function parley.edit_letter(s text, i bigint, b bytea, seen int, again boolean, by_whom text, why text) returns table (outcome text, wake text)
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare d dead := lock_letter(s, i); edited dead := d;
begin
  outcome := case when d.id is null then 'gone' when seen <> d.edits then 'edited meanwhile' else 'done' end;
  perform write_down(s, by_whom, case when again then 'edit and replay' else 'edit' end, i, outcome, why, d, b);
  if outcome = 'done' then
    edited.body := b;
    update dead x set body = b, edits = x.edits + 1 where x.id = i;
    if again then
      perform put_back(edited);
      wake := (select name from queue where id = d.queue);
    end if;
  end if;
  return next;
end $$;

-- It counts as handled, so that a late duplicate does not bring it back.
create function parley.discard_letter(s text, i bigint, by_whom text, why text) returns text
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare d dead := lock_letter(s, i);
begin
  if d.id is null then
    perform write_down(s, by_whom, 'discard', i, 'gone', why, d, null);
    return null;
  end if;
  delete from dead x where x.id = i;
  insert into inbox (queue, message_id) values (d.queue, d.message_id) on conflict do nothing;
  perform write_down(s, by_whom, 'discard', i, 'done', why, d, null);
  if d.holds then perform open_lane(d); end if;
  return (select name from queue where id = d.queue);
end $$;

create function parley.note_refusal(s text, i bigint, what text, by_whom text, why text, how text, later bytea) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  perform write_down(s, by_whom, what, i, how, why, lock_letter(s, i), later);
end $$;

create function parley.audit_entries(s text, i bigint, by_whom text, n int)
returns table (at timestamptz, who text, action text, letter bigint, outcome text, reason text, subscription text, contract text, headers bytea, failure text,
  before bytea, after bytea, became text)
language plpgsql stable security definer set search_path = pg_catalog, parley, pg_temp as $$
#variable_conflict use_column
begin
  perform require_service(s);
  return query select a.at, a.who, a.action, a.letter, a.outcome, a.reason, a.subscription, a.contract, a.headers, a.failure, a.before, a.after,
      case when a.outcome <> 'done' or a.action not in ('replay', 'edit and replay') then null
        when exists (select from dead d where d.queue = a.queue and d.message_id = a.message_id) then 'dead again'
        when exists (select from parked p where p.queue = a.queue and p.message_id = a.message_id) then 'waiting'
        when exists (select from inbox x where x.queue = a.queue and x.message_id = a.message_id) then 'handled' end
    from audit a where a.service = s and (i is null or a.letter = i) and (by_whom is null or a.who = by_whom) order by a.id desc limit n;
end $$;
