-- What an id stands for: the first 128 bits of the SHA-256 of the body. Rows from before this script have none.
alter table parley.inbox add column print uuid;

-- Calls under an idempotency key, and what they were answered.
create table parley.request (
  service text not null,
  scope uuid not null, -- made of caller, contract and key
  print uuid not null, -- of the request
  token bigint not null, -- who handles it, or did
  until timestamptz not null, -- nobody else takes it over before
  ok boolean,
  answer bytea, -- null: it is being handled
  at timestamptz not null default clock_timestamp(),
  primary key (service, scope)
);
create index request_by_time on parley.request (service, at);

-- `ours`: handle it. Each call also forgets a few that are older than `keep`, so that the table stays bounded by what is asked.
create function parley.begin_request(s text, k uuid, p uuid, t bigint, lease bigint, keep interval default '7 days', out state text, out ok boolean, out answer bytea)
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
declare moment timestamptz := clock_timestamp(); r request;
begin
  perform require_service(s);
  delete from request where ctid = any(array(select x.ctid from request x where x.service = s and x.at < moment - keep order by x.at limit 20 for update skip locked));
  insert into request (service, scope, print, token, until) values (s, k, p, t, moment + lease * interval '1 ms') on conflict do nothing;
  if found then state := 'ours'; return; end if;
  select * into r from request x where x.service = s and x.scope = k for update;
  if not found then state := 'busy'; return; end if; -- released or forgotten in between: ask again
  if r.at < moment - keep then r.answer := null; r.print := p; r.until := moment; end if;
  if r.print <> p then state := 'conflict';
  elsif r.answer is not null then state := 'done'; ok := r.ok; answer := r.answer;
  elsif r.until > moment then state := 'busy';
  else
    update request x set print = p, token = t, until = moment + lease * interval '1 ms', ok = null, answer = null, at = moment where x.service = s and x.scope = k;
    state := 'ours';
  end if;
end $$;

-- In the transaction of what was done, its last statement. The token is the fence: who took over is not overwritten.
create function parley.complete_request(s text, k uuid, t bigint, fine boolean, said bytea) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  perform require_service(s);
  update request x set ok = fine, answer = said where x.service = s and x.scope = k and x.token = t and x.answer is null;
  if not found then raise exception 'another request under the same idempotency key is being handled by now' using errcode = 'PL001'; end if;
end $$;

create function parley.release_request(s text, k uuid, t bigint) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  perform require_service(s);
  delete from request x where x.service = s and x.scope = k and x.token = t and x.answer is null;
end $$;
