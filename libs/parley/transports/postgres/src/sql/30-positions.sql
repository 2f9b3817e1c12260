-- Where subscriptions are in the streams of technologies that keep no positions themselves, and who reads which shard.
create table parley.stream_shard (
  subscription text not null,
  stream text not null,
  shard text not null,
  parents text[] not null,
  pos text not null, -- the technology's own; everything up to it is done; '' is the shard's beginning
  over boolean not null default false, -- read to its end
  owner text,
  epoch bigint not null default 0, -- counts its holders, and fences the former ones
  primary key (subscription, stream, shard)
) with (fillfactor = 50);
create table parley.stream_member (
  subscription text not null,
  stream text not null,
  instance text not null,
  until timestamptz not null,
  primary key (subscription, stream, instance)
) with (fillfactor = 50);

-- `start` is for those that a reader begins with; what appears later was split or merged from them, and is read from its beginning.
create function parley.know_shards(s text, st text, shards text[], parents text[], start text) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  perform require_service(split_part(s, '.', 1));
  perform pg_advisory_xact_lock(hashtextextended('parley.shards ' || s || ' ' || st, 0));
  insert into stream_shard (subscription, stream, shard, parents, pos)
    select s, st, q.i, string_to_array(q.p, ','), case when exists (select from stream_shard x where x.subscription = s and x.stream = st) then '' else start end
    from unnest(shards, parents) q(i, p) on conflict do nothing;
end $$;

-- Called every ttl/5: says that the instance lives, takes its share of what is free, answers with all it holds. Without `take` it
-- only keeps what it has: the instance is about to go. Who holds none gets one row without a shard, for its share.
create function parley.lease_shards(s text, st text, me text, ttl interval, take boolean)
returns table (shard text, pos text, epoch bigint, share int)
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
#variable_conflict use_column
declare now timestamptz := clock_timestamp(); due int; held int;
begin
  perform require_service(split_part(s, '.', 1));
  -- A lease that a crash of the server forgets is taken again; whoever was handled under it is in the inbox, durably.
  perform set_config('synchronous_commit', 'off', true);
  insert into stream_member values (s, st, me, now + ttl) on conflict (subscription, stream, instance) do update set until = excluded.until;
  perform pg_advisory_xact_lock(hashtextextended('parley.shards ' || s || ' ' || st, 0)); -- one taker at a time, and a fresh snapshot after it
  delete from stream_member m where m.subscription = s and m.stream = st and m.until < now - interval '1 hour';
  select ceil(count(*)::numeric / greatest(1, (select count(*) from stream_member m where m.subscription = s and m.stream = st and m.until > now))),
      count(*) filter (where x.owner = me) into due, held
    from open_shards(s, st) x;
  if take and held < due then
    update stream_shard x set owner = me, epoch = x.epoch + 1 where x.subscription = s and x.stream = st and x.shard in (
      select o.shard from open_shards(s, st) o where o.owner is distinct from me
        and not exists (select from stream_member m where m.subscription = s and m.stream = st and m.instance = o.owner and m.until > now)
        order by random() limit due - held);
  end if;
  return query select o.shard, o.pos, o.epoch, due from (select) one left join open_shards(s, st) o on o.owner = me;
end $$;

-- Not read to their ends, while all that they go on from is.
create function parley.open_shards(s text, st text) returns setof parley.stream_shard
language sql set search_path = pg_catalog, parley, pg_temp as $$
  select x.* from stream_shard x where x.subscription = s and x.stream = st and not x.over and not exists (
    select from stream_shard p where p.subscription = s and p.stream = st and p.shard = any(x.parents) and not p.over)
$$;

-- Moves positions, giving the shards up if `free`; returns those that are not the caller's any more.
create function parley.advance_shards(s text, st text, shards text[], epochs bigint[], poss text[], overs boolean[], free boolean) returns table (lost text)
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  perform require_service(split_part(s, '.', 1));
  perform set_config('synchronous_commit', 'off', true);
  return query
    with moved as (
      update stream_shard x set pos = q.p, over = q.o, owner = case when free or q.o then null else x.owner end
        from unnest(shards, epochs, poss, overs) q(i, e, p, o)
        where x.subscription = s and x.stream = st and x.shard = q.i and x.epoch = q.e returning x.shard)
    select i from unnest(shards) i where i not in (select m.shard from moved m);
end $$;

create function parley.leave_shards(s text, st text, me text) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  perform require_service(split_part(s, '.', 1));
  delete from stream_member m where m.subscription = s and m.stream = st and m.instance = me;
  update stream_shard x set owner = null where x.subscription = s and x.stream = st and x.owner = me;
end $$;
