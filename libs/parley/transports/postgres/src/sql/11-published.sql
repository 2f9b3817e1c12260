-- Whoever does not know whether its events were taken publishes them again, under the same ids. The log holds them once: readers
-- that acknowledge by offset could not tell the copies apart. What a transaction appends needs no such memory: it knows.
create table parley.event_published (
  message uuid primary key,
  at timestamptz not null default clock_timestamp()
);
create index event_published_by_time on parley.event_published using brin (at);

create function parley.publish_events(contracts text[], keys text[], parts smallint[], messages uuid[], heads bytea[], bodies bytea[]) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  perform require_any_service();
  with fresh as (insert into event_published (message) select distinct m from unnest(messages) m order by m on conflict do nothing returning message)
  select array_agg(c order by n), array_agg(k order by n), array_agg(p order by n), array_agg(m order by n), array_agg(h order by n), array_agg(b order by n)
    into contracts, keys, parts, messages, heads, bodies
    from (select distinct on (m) * from unnest(contracts, keys, parts, messages, heads, bodies) with ordinality q(c, k, p, m, h, b, n) order by m, n) q
    join fresh on fresh.message = q.m;
  if messages is not null then perform append_events(contracts, keys, parts, messages, heads, bodies); end if;
end $$;

-- Longer than any outbox is relayed after its first attempt.
create function parley.forget_published(older interval default null) returns int
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
declare border timestamptz; n int;
begin
  if older is not null then perform require_owner('forget what was published'); end if;
  border := clock_timestamp() - coalesce(older, kept('published', '7 days'));
  delete from event_published where ctid = any(array(select ctid from event_published where at < border limit 100000));
  get diagnostics n = row_count;
  return n;
end $$;
