-- Messages that were delivered and came back without an outcome, because a process ended or lost its lease. They are leased one at a
-- time and handled alone, and their handlings are counted here: see Suspects of @parley/messaging.
alter table parley.lane add column suspect boolean not null default false;
create index lane_by_suspicion on parley.lane (queue, until) where suspect;

-- What number this delivery of a lane's first message has. One that had no outcome is not counted: `suspects` are counted otherwise.
create function parley.attempts_of(l parley.lane, head bigint) returns int
language sql immutable as $$
  select case when l.head is distinct from head then 1 when l.token <> 0 or l.suspect then greatest(l.attempts, 1) else l.attempts + 1 end
$$;

-- A handling of a suspect that began, and of which nothing is known yet.
create table parley.unfinished (
  queue int not null,
  message_id uuid not null,
  at timestamptz not null default clock_timestamp(),
  instance text not null
);
create index unfinished_by_message on parley.unfinished (queue, message_id);
create index unfinished_by_time on parley.unfinished (at);

-- Who reads a part of a log, until it hands it back.
create table parley.part_reader (
  queue int not null,
  part text not null,
  reader text not null,
  primary key (queue, part)
);

-- Each call also forgets a few that nobody asks for any more.
create function parley.begin_suspect(q int, m uuid, who text) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
declare border timestamptz := clock_timestamp() - interval '7 days';
begin
  perform require_queue(q);
  delete from unfinished where ctid = any(array(select u.ctid from unfinished u where u.at < border order by u.at limit 20 for update skip locked));
  insert into unfinished (queue, message_id, instance) values (q, m, who);
end $$;

-- The oldest first; `at` in milliseconds.
create function parley.unfinished_handlings(q int, m uuid) returns table (instance text, at bigint)
language plpgsql stable security definer set search_path = pg_catalog, parley, pg_temp as $$
#variable_conflict use_column
begin
  perform require_queue(q);
  return query select u.instance, floor(extract(epoch from u.at) * 1000)::bigint from unfinished u where u.queue = q and u.message_id = m order by u.at;
end $$;

create function parley.end_suspect(q int, m uuid) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  perform require_queue(q);
  delete from unfinished u where u.queue = q and u.message_id = m;
end $$;

-- True: whoever read it before did not hand it back.
create function parley.take_part(q int, p text, who text) returns boolean
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
declare former text;
begin
  perform require_queue(q);
  select x.reader into former from part_reader x where x.queue = q and x.part = p for update;
  insert into part_reader values (q, p, who) on conflict (queue, part) do update set reader = excluded.reader;
  return former is not null and former <> who;
end $$;

create function parley.hand_back_parts(q int, parts text[], who text) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  perform require_queue(q);
  delete from part_reader x where x.queue = q and x.part = any(parts) and x.reader = who;
end $$;
