-- Broadcasts travel inside NOTIFY. What is too long for it waits here for a few minutes, and only its id is notified. Unlogged:
-- neither a notification nor a listener outlives the server.
create unlogged table parley.broadcast (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  content bytea not null
);
create index broadcast_by_time on parley.broadcast (at);

-- One notification a message, in order, on the channel of its contract's owner: 'i' and the content itself, in base64, or 't'
-- and the id of the row that holds it. A notification must stay below 8000 bytes.
create function parley.say_broadcasts(owners text[], contents bytea[]) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
declare i int; stored bigint;
begin
  perform require_service(o) from (select distinct o from unnest(owners) o) owner(o);
  for i in 1..cardinality(owners) loop
    if length(contents[i]) <= 5800 then
      perform pg_notify('parley_broadcast_' || owners[i], 'i' || translate(encode(contents[i], 'base64'), E'\n', ''));
    else
      insert into broadcast (content) values (contents[i]) returning id into stored;
      perform pg_notify('parley_broadcast_' || owners[i], 't' || stored);
    end if;
  end loop;
end $$;

create function parley.read_broadcast(wanted bigint) returns bytea
language sql stable security definer set search_path = pg_catalog, parley, pg_temp as $$ select content from broadcast where id = wanted $$;

create function parley.sweep_broadcasts(older interval default '5 minutes') returns int
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
declare n int; border timestamptz := clock_timestamp() - case when pg_has_role(session_user, 'parley_owner', 'member') then older else greatest(older, '1 minute') end;
begin
  delete from broadcast where at < border;
  get diagnostics n = row_count;
  return n;
end $$;

revoke execute on all functions in schema parley from public;
