-- Replays of many dead letters in steps: see ReplayRuns of @parley/messaging. How often a letter died again after a replay.
alter table parley.dead add column relapses int not null default 0;
create index audit_of_replays on parley.audit (queue, message_id) where outcome = 'done' and action in ('replay', 'edit and replay');

create function parley.relapses_of(q int, m uuid) returns int
language sql stable set search_path = pg_catalog, parley, pg_temp as $$
  select count(*)::int from audit a where a.queue = q and a.message_id = m and a.outcome = 'done' and a.action in ('replay', 'edit and replay')
$$;

-- Never replaced, for the trigger depends on it.
create or replace function parley.count_relapses() returns trigger
language plpgsql set search_path = pg_catalog, parley, pg_temp as $$ begin new.relapses := relapses_of(new.queue, new.message_id); return new; end $$;
create trigger count_relapses before insert on parley.dead for each row execute function parley.count_relapses();

create table parley.replay_run (
  id bigint generated always as identity primary key,
  service text not null,
  subscription text not null,
  grouped text not null,
  who text not null,
  reason text,
  rate double precision not null,
  state text not null default 'running',
  step int not null default 0,
  began timestamptz not null default clock_timestamp(),
  ended timestamptz,
  outcome text,
  upto bigint not null,
  total int not null,
  in_step int not null default 0,
  replayed int not null default 0,
  open int not null default 0,
  waiting int not null default 0,
  relapse bigint, -- the letter that died again
  failure text,
  at bigint not null, -- the letter it has come to
  driver text not null,
  token bigint not null default 1,
  until timestamptz not null
);
-- Of two operators, one begins.
create unique index replay_run_under_way on parley.replay_run (service, subscription, grouped) where state = 'running';
create index replay_run_by_service on parley.replay_run (service, id);

-- Letters of runs that were replayed and are not known to be handled.
create table parley.replay_letter (
  run bigint not null references parley.replay_run on delete cascade,
  letter bigint not null,
  queue int not null,
  lane bigint not null,
  message_id uuid not null,
  print uuid not null, -- several messages may have one id
  primary key (run, letter)
);

-- Null: there is no such letter.
create function parley.begin_replay_run(s text, sub text, grp text, speed double precision, by_whom text, why text, driven_by text, lease bigint)
returns table (id bigint, fresh boolean)
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
#variable_conflict use_column
declare n int; first_one bigint; last_one bigint; r replay_run;
begin
  perform require_service(s);
  select count(*), min(d.id), max(d.id) into n, first_one, last_one from dead_of(s, sub, null, null, grp, null, null, null) d;
  if n = 0 then
    select x.* into r from replay_run x where x.service = s and x.subscription = sub and x.grouped = grp and x.state = 'running';
    if found then return query select r.id, false; end if;
    return;
  end if;
  insert into replay_run (service, subscription, grouped, who, reason, rate, upto, total, at, driver, until)
    values (s, sub, grp, by_whom, why, speed, last_one, n, first_one, driven_by, clock_timestamp() + lease * interval '1 ms')
    on conflict do nothing returning * into r;
  if r.id is null then
    return query select x.id, false from replay_run x where x.service = s and x.subscription = sub and x.grouped = grp and x.state = 'running';
    return;
  end if;
  perform note_run(r, by_whom, why, 'run ' || r.id || ' begins: ' || n || ' letters of ' || grp || ', at ' || speed || ' a second');
  return query select r.id, true;
end $$;

-- An entry of the audit at the letter to which the run has come.
create function parley.note_run(r parley.replay_run, by_whom text, why text, how text) returns void
language sql set search_path = pg_catalog, parley, pg_temp as $$
  insert into audit (service, who, action, letter, outcome, reason, queue, subscription)
    values (r.service, by_whom, 'canary replay', r.at, how, why, (select id from queue where name = r.subscription), r.subscription)
$$;

create function parley.take_replay_runs(s text, driven_by text, lease bigint) returns setof bigint
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  perform require_service(s);
  return query update replay_run x set driver = driven_by, token = x.token + 1, until = clock_timestamp() + lease * interval '1 ms'
    where x.id = any(array(select y.id from replay_run y where y.service = s and y.state = 'running' and y.until < clock_timestamp() for update skip locked))
    returning x.id;
end $$;

-- The run, locked until the transaction ends, if this driver holds it. Or nothing.
create function parley.lock_run(s text, i bigint, t bigint) returns parley.replay_run
language plpgsql set search_path = pg_catalog, parley, pg_temp as $$
declare r replay_run;
begin
  perform require_service(s);
  select x.* into r from replay_run x where x.id = i and x.service = s and x.state = 'running' and x.token = t for update;
  return r;
end $$;

create function parley.replay_in_run(s text, i bigint, t bigint, l bigint) returns table (outcome text, wake text)
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare r replay_run := lock_run(s, i, t); d dead; held boolean;
begin
  if r.id is null then
    outcome := 'over';
    return next;
    return;
  end if;
  d := lock_letter(s, l);
  if d.id is null then
    outcome := 'gone';
    return next;
    return;
  end if;
  perform put_back(d);
  perform write_down(s, r.who, 'replay', l, 'done', concat_ws(' ', r.reason, '(run ' || r.id || ')'), d, null);
  insert into replay_letter values (i, l, d.queue, d.lane, d.message_id, print_of(d.body));
  held := exists (select from dead o where o.queue = d.queue and o.lane = d.lane and o.holds);
  update replay_run x set replayed = x.replayed + 1, at = l, in_step = x.in_step + case when held then 0 else 1 end,
      open = x.open + case when held then 0 else 1 end, waiting = x.waiting + case when held then 1 else 0 end where x.id = i;
  outcome := case when held then 'waits' else 'done' end;
  wake := (select name from queue where id = d.queue);
  return next;
end $$;

-- Handled are those that are neither dead nor wait any more.
create function parley.look_at_run(s text, i bigint, t bigint, lease bigint) returns boolean
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare r replay_run := lock_run(s, i, t);
begin
  if r.id is null then return false; end if;
  delete from replay_letter x where x.run = i and not exists (select from parked p where p.queue = x.queue and p.message_id = x.message_id and print_of(p.body) = x.print)
    and not exists (select from dead d where d.queue = x.queue and d.message_id = x.message_id and print_of(d.body) = x.print);
  select d.id, d.failure into r.relapse, r.failure from replay_letter x join dead d on d.queue = x.queue and d.message_id = x.message_id
    and print_of(d.body) = x.print where x.run = i order by d.id limit 1;
  select count(*) filter (where not held), count(*) filter (where held) into r.open, r.waiting
    from (select exists (select from dead o where o.queue = x.queue and o.lane = x.lane and o.holds and o.message_id <> x.message_id) held
      from replay_letter x where x.run = i) y;
  update replay_run x set until = clock_timestamp() + lease * interval '1 ms', open = r.open, waiting = r.waiting, relapse = r.relapse, failure = r.failure
    where x.id = i;
  return true;
end $$;

create function parley.advance_run(s text, i bigint, t bigint, how text) returns boolean
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
declare r replay_run := lock_run(s, i, t);
begin
  if r.id is null then return false; end if;
  update replay_run x set step = x.step + 1, in_step = 0 where x.id = i;
  perform note_run(r, r.who, r.reason, 'run ' || r.id || ', ' || how);
  return true;
end $$;

-- `t` null: a person ends it, whoever drives it.
create function parley.end_run(s text, i bigint, t bigint, how_far text, how text, by_whom text, why text) returns boolean
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
declare r replay_run;
begin
  perform require_service(s);
  select x.* into r from replay_run x where x.id = i and x.service = s and x.state = 'running' and (t is null or x.token = t) for update;
  if r.id is null then return false; end if;
  update replay_run x set state = how_far, ended = clock_timestamp(), outcome = how where x.id = i;
  delete from replay_letter x where x.run = i;
  perform note_run(r, coalesce(by_whom, r.who), coalesce(why, r.reason), 'run ' || r.id || ' ends: ' || how);
  delete from replay_run x where x.service = s and x.ended < clock_timestamp() - kept('audit', '400 days');
  return true;
end $$;

create function parley.release_run(s text, i bigint, t bigint) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  perform require_service(s);
  update replay_run x set until = '-infinity' where x.id = i and x.service = s and x.state = 'running' and x.token = t;
end $$;

create function parley.replay_runs(s text, i bigint, n int)
returns table (id bigint, subscription text, "group" text, who text, reason text, rate double precision, state text, step int, began timestamptz,
  ended timestamptz, outcome text, "upTo" bigint, total int, "inStep" int, replayed int, open int, waiting int, relapse bigint, failure text, driver text, token bigint)
language plpgsql stable security definer set search_path = pg_catalog, parley, pg_temp as $$
#variable_conflict use_column
begin
  perform require_service(s);
  return query select x.id, x.subscription, x.grouped, x.who, x.reason, x.rate, x.state, x.step, x.began, x.ended, x.outcome, x.upto, x.total, x.in_step,
      x.replayed, x.open, x.waiting, x.relapse, x.failure, x.driver, x.token
    from replay_run x where x.service = s and (i is null or x.id = i) order by x.id desc limit n;
end $$;
