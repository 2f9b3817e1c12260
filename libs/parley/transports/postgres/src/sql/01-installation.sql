-- Who may do what. Services hold USAGE on this schema and EXECUTE on its functions, nothing else; the functions run as
-- parley_owner and ask here who called them.
create table parley.installation (
  one boolean primary key default true check (one),
  id uuid not null default gen_random_uuid()
);
insert into parley.installation default values;

create table parley.service (role name primary key, service text not null);

-- What a service consumes: its commands (named for it) and what its subscriptions keep (`orders.saga`).
create table parley.queue (
  id int generated always as identity primary key,
  name text not null unique,
  service text not null generated always as (split_part(name, '.', 1)) stored
);

create function parley.installation_id() returns uuid
language sql stable security definer set search_path = pg_catalog, parley, pg_temp as $$ select id from installation $$;

-- An owner of the installation, and so a superuser, may act for every service.
create function parley.require_service(s text) returns void
language plpgsql stable security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  if exists (select from service v where v.role = session_user and v.service = s) then return; end if;
  if pg_has_role(session_user, 'parley_owner', 'member') then return; end if;
  raise exception 'role % may not act for the service %: register it with install()', session_user, s using errcode = '42501';
end $$;

create function parley.require_any_service() returns void
language plpgsql stable security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  if exists (select from service v where v.role = session_user) then return; end if;
  if pg_has_role(session_user, 'parley_owner', 'member') then return; end if;
  raise exception 'role % is no service of this installation: register it with install()', session_user using errcode = '42501';
end $$;

create function parley.require_queue(q int) returns void
language plpgsql stable security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  if exists (select from queue k join service v using (service) where k.id = q and v.role = session_user) then return; end if;
  perform require_service(coalesce((select k.service from queue k where k.id = q), 'of queue ' || q));
end $$;

create function parley.open_queue(wanted text) returns int
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
declare q int;
begin
  perform require_service(split_part(wanted, '.', 1));
  select id into q from queue where name = wanted;
  if q is not null then return q; end if;
  insert into queue (name) values (wanted) on conflict do nothing;
  return (select id from queue where name = wanted);
end $$;

-- The hint that there is something new. Nobody's data depends on it: it need not reach the disk.
create function parley.ring(channels text[]) returns void
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  perform pg_notify(c, '') from unnest(channels) c;
end $$;
