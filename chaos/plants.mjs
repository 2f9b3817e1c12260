// Broken promises, to prove that a run finds them. No product code has a switch for them: they replace functions of the run's own
// database, or methods of the processes of the run, by a module that these load first.
import path from 'node:path';

/** `finds`: the invariants that are broken by it, one of which must be named. `faults`, `gaps`, `minutes`: what bites it. */
export const PLANTS = {
  'dedup-off': {
    what: 'nobody notes which events were handled: after a crash they are handled again',
    finds: ['I4', 'I8'],
    faults: ['F01'],
    minutes: 1.5,
    sql: `create or replace function parley.settle_event(s smallint, p smallint, o bigint, e bigint, l bigint default null) returns void
      language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$ begin
        perform require_subscription(s);
        perform from event_position where sub = s and part = p and epoch = e and pos <= o;
        if not found then raise exception 'the lease of partition % is lost', p using errcode = 'PY001'; end if;
      end $$`,
  },
  'outbox-off': {
    what: 'messages are not stored with the transaction, but sent after its commit',
    finds: ['I5', 'I6'],
    faults: ['F01', 'F02'],
    gaps: ['transaction.committed'],
    minutes: 1.5,
    preload: 'planted/outbox-off.cjs',
  },
  'ack-before-commit': {
    what: 'commands are acknowledged before they are handled',
    finds: ['I5', 'I6'],
    faults: ['F02'], // not F01, which asks for redeliveries: there are none any more
    gaps: ['transaction.said'],
    minutes: 1.5,
    preload: 'planted/ack-before-commit.cjs',
  },
  'fencing-off': {
    what: 'who lost a lease may still write',
    finds: ['I4', 'I8'],
    faults: ['F03'],
    minutes: 1,
    sql: `create or replace function parley.settle_event(s smallint, p smallint, o bigint, e bigint, l bigint default null) returns void
      language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$ declare n int; begin
        perform require_subscription(s);
        if not exists (select from event_position where sub = s and part = p and epoch = e) then
          insert into chaos.late_write values (format('offset %s of partition %s', o, p));
          return;
        end if;
        insert into event_handled values (s, p, o) on conflict do nothing;
        get diagnostics n = row_count;
        if n = 0 then raise exception 'offset % of partition % was handled already', o, p using errcode = 'PY002'; end if;
        if l is not null and exists (select from event_subscription u join queue q on q.name = u.name join lane x on x.queue = q.id where u.id = s and x.lane = l and x.parked) then
          raise exception 'the lane of offset % of partition % is parked', o, p using errcode = 'PY003';
        end if;
      end $$;
      create or replace function parley.settle(q int, l bigint, i bigint, t bigint) returns void
      language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$ declare m uuid; begin
        if not exists (select from lane x where x.queue = q and x.lane = l and x.token = t and t <> 0) then
          insert into chaos.late_write values (format('message %s of lane %s', i, l));
          return;
        end if;
        with a as (delete from message c where c.queue = q and c.lane = l and c.id = i returning c.message_id),
          b as (delete from parked c where c.queue = q and c.lane = l and c.id = i returning c.message_id)
        select message_id into m from (select * from a union all select * from b) x;
        if m is null then raise exception 'the lease of lane % is lost', l using errcode = 'PL001'; end if;
        insert into inbox (queue, message_id) values (q, m) on conflict do nothing;
        if not found then raise exception 'message % was handled before', m using errcode = 'PL002'; end if;
      end $$`,
  },
};

/** For Node, in every process of the run. */
export const flagsOf = (name) => PLANTS[name]?.preload && `--require ${path.join(import.meta.dirname, PLANTS[name].preload)}`;

/** What the run notes in its own database, and what is planted there. Again after every cold start: a start brings functions up to date. */
export const statementsOf = (name) => NOTES + (PLANTS[name]?.sql ?? '');

/** A lane leased again for the same message, that did not fail: its holder is gone. Renewals are the same attempt. */
const NOTES = `
  create schema if not exists chaos;
  create table if not exists chaos.redelivery (queue int, lane bigint, head bigint, attempts int, primary key (queue, lane, head, attempts));
  create table if not exists chaos.late_write (what text);
  grant usage on schema chaos to parley_owner;
  grant insert on chaos.late_write to parley_owner;
  create or replace function chaos.note_redelivery() returns trigger language plpgsql security definer set search_path = pg_catalog as $$ begin
    insert into chaos.redelivery values (new.queue, new.lane, new.head, new.attempts) on conflict do nothing;
    return null;
  end $$;
  create or replace trigger chaos_redelivery after insert or update on parley.lane for each row
    when (new.attempts > 1 and new.failure is null and new.token <> 0) execute function chaos.note_redelivery();
`;
