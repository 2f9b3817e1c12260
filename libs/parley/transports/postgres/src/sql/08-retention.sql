-- How long what is kept for the kit's own sake is kept, for the whole installation. What has no row is kept as long as its function says.
create table parley.retention (
  what text primary key check (what in ('inbox', 'published', 'log', 'audit')),
  keep interval not null check (keep > '0')
);

-- For the owner of the installation: select parley.keep('inbox', '14 days'). Null: as if nothing had been said.
create function parley.keep(which text, how_long interval) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  perform require_owner('keep');
  delete from retention where what = which;
  if how_long is not null then insert into retention values (which, how_long); end if;
end $$;

create function parley.require_owner(doing text) returns void
language plpgsql stable set search_path = pg_catalog, parley, pg_temp as $$
begin
  if not pg_has_role(session_user, 'parley_owner', 'member') then
    raise exception 'role % may not %: only the owner of the installation may', session_user, doing using errcode = '42501';
  end if;
end $$;

create function parley.kept(which text, otherwise interval) returns interval
language sql stable set search_path = pg_catalog, parley, pg_temp as $$ select coalesce((select keep from retention where what = which), otherwise) $$;

-- A copy of a message that comes later than this takes effect again: longer than any technology repeats one.
create function parley.forget_handled(older interval default null) returns int
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare border timestamptz; n int;
begin
  if older is not null then perform require_owner('forget what was handled'); end if;
  border := clock_timestamp() - coalesce(older, kept('inbox', '7 days'));
  delete from inbox where ctid = any(array(select i.ctid from inbox i where i.at < border limit 100000));
  get diagnostics n = row_count;
  return n;
end $$;

create function parley.forget_audit(older interval default null) returns int
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
declare border timestamptz; n int;
begin
  if older is not null then perform require_owner('forget the audit'); end if;
  border := clock_timestamp() - coalesce(older, kept('audit', '400 days'));
  -- Entries are as old as their numbers say: nothing is looked at but what goes.
  delete from audit where id = any(array(select x.id from (select a.id, a.at from audit a order by a.id limit 10000) x where x.at < border));
  get diagnostics n = row_count;
  return n;
end $$;

-- Now and then, by whoever comes first: lane rows that a crash left, and what need not be remembered any more.
create function parley.sweep() returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare moment timestamptz := clock_timestamp();
begin
  if not pg_try_advisory_xact_lock(hashtext('parley.sweep')) then return; end if;
  perform set_config('synchronous_commit', 'off', true);
  delete from lane l where not l.parked and l.until < moment - interval '1 minute'
    and not exists (select from message m where m.queue = l.queue and m.lane = l.lane);
  perform forget_handled(), forget_audit(), destroy_secret_keys();
end $$;
