-- Bodies that are too large for what carries their messages. Kept until their time is over, fetched or not.
create table parley.claim (
  id uuid primary key,
  body bytea not null,
  until timestamptz not null
);
alter table parley.claim alter column body set storage external; -- large bodies are mostly compressed already
create index claim_by_time on parley.claim (until);

create function parley.keep_claims(ids uuid[], bodies bytea[], days double precision) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  perform require_any_service();
  insert into claim (id, body, until) select q.i, q.b, clock_timestamp() + days * interval '1 day' from unnest(ids, bodies) q(i, b) on conflict do nothing;
end $$;

create function parley.fetch_claim(i uuid) returns bytea
language plpgsql stable security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  perform require_any_service();
  return (select body from claim where id = i);
end $$;

create function parley.forget_claims() returns void
language sql security definer set search_path = pg_catalog, parley, pg_temp as $$
  delete from claim where ctid = any(array(select ctid from claim where until < clock_timestamp() limit 10000 for update skip locked))
$$;
