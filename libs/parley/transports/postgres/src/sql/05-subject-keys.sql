-- The keys of those whom messages are about. Whoever throws one away here makes all that was said of the subject unreadable. The
-- row stays, so that an erased subject can be told from an unknown one, and never gets another key.
create table parley.subject_key (
  id uuid primary key,
  subject text not null unique,
  secret bytea, -- null: erased
  since timestamptz not null default clock_timestamp(),
  erased timestamptz,
  erased_by text,
  reason text
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1); -- what an erasure leaves behind in the file goes soon

-- Makes those that are missing, of the ids and secrets given for them; of two at the same moment, one's are taken.
create function parley.subject_keys(subjects text[], ids uuid[], secrets bytea[]) returns table (subject text, id uuid, secret bytea)
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
begin
  perform require_any_service();
  insert into subject_key (id, subject, secret)
    select q.i, q.s, q.k from unnest(subjects, ids, secrets) q(s, i, k) where not exists (select from subject_key x where x.subject = q.s) order by q.s
    on conflict do nothing;
  return query select x.subject, x.id, x.secret from subject_key x where x.subject = any(subjects);
end $$;

create function parley.keys_by_id(ids uuid[]) returns table (id uuid, secret bytea)
language plpgsql stable security definer set search_path = pg_catalog, parley, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
begin
  perform require_any_service();
  return query select x.id, x.secret from subject_key x where x.id = any(ids)
    union all select y.id, case when y.ends > clock_timestamp() then y.secret end from secret_key y where y.id = any(ids);
end $$;

create function parley.erase_subject(s text, by_whom text, why text) returns text
language plpgsql security definer set search_path = pg_catalog, parley, pg_temp as $$
begin
  perform require_any_service();
  update subject_key x set secret = null, erased = clock_timestamp(), erased_by = by_whom, reason = why where x.subject = s and x.erased is null;
  if found then return 'erased'; end if;
  return case when exists (select from subject_key x where x.subject = s) then 'erased before' else 'unknown' end;
end $$;

create function parley.find_subject(s text) returns table (since timestamptz, erased timestamptz, who text, reason text)
language plpgsql stable security definer set search_path = pg_catalog, parley, pg_temp as $$
#variable_conflict use_column
begin
  perform require_any_service();
  return query select x.since, x.erased, x.erased_by, x.reason from subject_key x where x.subject = s;
end $$;
