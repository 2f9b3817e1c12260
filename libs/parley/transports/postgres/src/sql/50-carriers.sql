-- What carried each kind of message for a service when it started last: a change of technology leaves messages behind.
create table parley.carrier (
  service text not null,
  kind text not null,
  technology text not null,
  address text not null,
  since timestamptz not null default clock_timestamp(),
  primary key (service, kind)
);

-- Remembers the carriers of today; returns those of before that differ.
create function parley.note_carriers(s text, kinds text[], technologies text[], addresses text[]) returns table (kind text, technology text, address text, since timestamptz)
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
#variable_conflict use_column
begin
  perform require_service(s);
  return query
    with now as (select q.* from unnest(kinds, technologies, addresses) q(kind, technology, address)),
      former as (select c.* from carrier c join now using (kind) where c.service = s and (c.technology, c.address) <> (now.technology, now.address) for update of c),
      noted as (
        insert into carrier (service, kind, technology, address) select s, n.kind, n.technology, n.address from now n order by n.kind
        on conflict (service, kind) do update set technology = excluded.technology, address = excluded.address, since = excluded.since
          where (carrier.technology, carrier.address) <> (excluded.technology, excluded.address))
    select f.kind, f.technology, f.address, f.since from former f;
end $$;

-- Messages of this database that wait for a service.
create function parley.unread_of(s text) returns table (kind text, subscription text, messages bigint)
language plpgsql stable security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  perform require_service(s);
  return query
    select 'command', k.name, (select count(*) from message m where m.queue = k.id) + (select count(*) from later l where l.queue = k.id) from queue k where k.name = s
    union all
    select 'event', x.name, b.waiting from event_subscription x join event_backlog(array(select id from event_subscription where service = s)) b on b.sub = x.id;
end $$;
