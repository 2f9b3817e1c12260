import type { Tx } from '@parley/messaging/transport';
import type { ClientBase } from 'pg';
import type { EntityManager } from 'typeorm';
import { schemaOf } from './saga-migrations';
import {
  HISTORY_LIMIT,
  REPAIRS_KEPT_DAYS,
  SagaConflictError,
  type ArmedTimeout,
  type DueTimeout,
  type HistoryEntry,
  type KnownTimeout,
  type SagaChange,
  type SagaDetails,
  type SagaFilter,
  type SagaRepair,
  type SagaStart,
  type SagaStore,
  type StoredSaga,
  type TimeoutId,
  type WaitingTimeout,
} from './saga-store';

const COLUMNS = `s.name, s.key, s.state, s.stage, s.ended_at is not null as done, s.version, s.correlation_id as "correlationId",
  s.traceparent, s.started_at as "startedAt", s.changed_at as "changedAt"`;

/**
 * Arms timeouts as a part of the statement that stores the sagas: one round trip a step. The keys,
 * names, `after` and `times` of the timeouts are its last parameters.
 */
const armed = (schema: string, first: number, where = '') => `
  insert into ${schema}saga_timeout (saga, key, name, due, times)
  select $1, t.key, t.name, clock_timestamp() + t.after * interval '1 millisecond', t.times
    from unnest($${first}::text[], $${first + 1}::text[], $${first + 2}::float8[], $${first + 3}::int[]) as t (key, name, after, times) ${where}
  on conflict (saga, key, name) do update set due = excluded.due, times = excluded.times, failures = 0, error = null`;

function armedValues(
  sagas: readonly { readonly key: string; readonly arm: readonly ArmedTimeout[] }[],
): unknown[] {
  const timeouts = sagas.flatMap(({ key, arm }) => arm.map((timeout) => ({ key, ...timeout })));
  return [
    timeouts.map(({ key }) => key),
    timeouts.map(({ name }) => name),
    timeouts.map(({ after }) => after),
    timeouts.map(({ times }) => times),
  ];
}

/**
 * Sagas in PostgreSQL. The saga's row is locked before any of its timeouts is touched, by messages
 * and timeouts alike: they cannot deadlock. Times are the database's.
 */
export class PostgresSagaStore implements SagaStore {
  async start(tx: Tx, sagas: readonly SagaStart[]): Promise<ReadonlySet<string>> {
    const { schema, query } = open(tx);
    const rows = await query<{ readonly key: string }>(
      'start',
      `with started as (
         insert into ${schema}saga (name, key, state, stage, ended_at, correlation_id, traceparent, history)
         select $1, g.key, g.state, g.stage, case when g.done then statement_timestamp() end, g.correlation_id, g.traceparent, jsonb_build_array(g.entry)
           from unnest($2::text[], $3::json[], $4::text[], $5::boolean[], $6::text[], $7::text[], $8::jsonb[])
             as g (key, state, stage, done, correlation_id, traceparent, entry) order by g.key
         on conflict do nothing returning key
       ), armed as (${armed(schema, 9, 'where t.key in (select key from started)')})
       select key from started`,
      [
        sagas[0]!.name,
        sagas.map(({ key }) => key),
        sagas.map(({ state }) => JSON.stringify(state)),
        sagas.map(({ stage }) => stage ?? null),
        sagas.map(({ done }) => done),
        sagas.map(({ correlationId }) => correlationId),
        sagas.map(({ traceparent }) => traceparent),
        sagas.map(({ entry }) => JSON.stringify(entry)),
        ...armedValues(sagas),
      ],
    );
    return new Set(rows.map(({ key }) => key));
  }

  async load(
    tx: Tx,
    name: string,
    keys: readonly string[],
  ): Promise<ReadonlyMap<string, StoredSaga>> {
    const { schema, query } = open(tx);
    const rows = await query(
      'load',
      `with patience as materialized (
         select set_config('lock_timeout', case current_setting('lock_timeout') when '0' then '5s' else current_setting('lock_timeout') end, true)
       )
       select ${COLUMNS} from patience, ${schema}saga s where s.name = $1 and s.key = any ($2::text[]) order by s.key for update of s`,
      [name, keys],
    );
    return new Map(rows.map((row) => [row.key, storedSaga(row)]));
  }

  async save(tx: Tx, changes: readonly SagaChange[]): Promise<void> {
    const { schema, query } = open(tx);
    const disarmed = changes.flatMap(({ key, disarm }) => disarm.map((name) => ({ key, name })));
    const rows = await query<{ readonly key: string }>(
      'save',
      `with changed as materialized (
         select * from unnest($2::text[], $3::json[], $4::text[], $5::boolean[], $6::int[], $7::jsonb[]) as c (key, state, stage, done, version, entry)
       ), disarmed as (
         delete from ${schema}saga_timeout t using changed c
          where t.saga = $1 and t.key = c.key and (c.done or (t.key, t.name) in (select * from unnest($8::text[], $9::text[])))
       ), armed as (${armed(schema, 10)}), saved as (
         update ${schema}saga s set state = c.state, stage = c.stage, version = s.version + 1, changed_at = statement_timestamp(),
                ended_at = case when c.done then statement_timestamp() end,
                history = case when jsonb_array_length(s.history) < ${HISTORY_LIMIT} then s.history else s.history - 1 end || c.entry
           from changed c where s.name = $1 and s.key = c.key and s.version = c.version returning s.key
       )
       select key from saved`,
      [
        changes[0]!.name,
        changes.map(({ key }) => key),
        changes.map(({ state }) => JSON.stringify(state)),
        changes.map(({ stage }) => stage ?? null),
        changes.map(({ done }) => done),
        changes.map(({ version }) => version),
        changes.map(({ entry }) => JSON.stringify(entry)),
        disarmed.map(({ key }) => key),
        disarmed.map(({ name }) => name),
        ...armedValues(changes.filter(({ done }) => !done)),
      ],
    );
    const saved = new Set(rows.map(({ key }) => key));
    const lost = changes.find(({ key }) => !saved.has(key));
    if (lost) throw new SagaConflictError(lost.name, lost.key, lost.version);
  }

  async claim(
    tx: Tx,
    known: readonly KnownTimeout[],
  ): Promise<{ timeout: DueTimeout; saga: StoredSaga } | undefined> {
    const { schema, query } = open(tx);
    const [row] = await query<
      Row & Pick<DueTimeout, 'times' | 'failures'> & { readonly timeout: string }
    >(
      'claim',
      `with due as (
         select ${COLUMNS}, t.name as timeout
           from ${schema}saga_timeout t join ${schema}saga s on s.name = t.saga and s.key = t.key
          where t.due <= statement_timestamp() and (t.saga, t.name) in (select * from unnest($1::text[], $2::text[]))
          order by t.due limit 1 for update of s skip locked
       ), taken as (
         delete from ${schema}saga_timeout t using due
          where t.saga = due.name and t.key = due.key and t.name = due.timeout and t.due <= statement_timestamp()
         returning t.times, t.failures
       )
       select * from due, taken`,
      namesOf(known),
    );
    if (!row) return undefined;
    const { timeout: name, times, failures } = row;
    return {
      timeout: { saga: row.name, key: row.key, name, times, failures },
      saga: storedSaga(row),
    };
  }

  async postpone(
    tx: Tx,
    { saga, key, name }: TimeoutId,
    after: number,
    error: string,
  ): Promise<void> {
    const { schema, query } = open(tx);
    await query(
      'postpone',
      `update ${schema}saga_timeout set due = clock_timestamp() + $4 * interval '1 millisecond', failures = failures + 1, error = $5
        where saga = $1 and key = $2 and name = $3 and due <= clock_timestamp()`,
      [saga, key, name, after, error],
    );
  }

  async nextDue(tx: Tx, known: readonly KnownTimeout[]): Promise<number | undefined> {
    const { schema, query } = open(tx);
    const [row] = await query<{ readonly after: string }>(
      'nextDue',
      `select extract(epoch from due - clock_timestamp()) * 1000 as after from ${schema}saga_timeout
        where (saga, name) in (select * from unnest($1::text[], $2::text[])) order by due limit 1`,
      namesOf(known),
    );
    return row && Number(row.after);
  }

  async list(
    tx: Tx,
    { name, stage, done, olderThan, failing = false, conversations, limit = 100 }: SagaFilter = {},
  ): Promise<readonly StoredSaga[]> {
    const { schema, query } = open(tx);
    const rows = await query(
      'list',
      `select ${COLUMNS} from ${schema}saga s
        where ($1::text is null or s.name = $1) and ($2::text is null or s.stage = $2) and ($3::boolean is null or (s.ended_at is not null) = $3)
          and ($4::float8 is null or s.started_at <= statement_timestamp() - $4 * interval '1 millisecond')
          and (not $5 or exists (select from ${schema}saga_timeout t where t.saga = s.name and t.key = s.key and t.failures > 0))
          and ($7::text[] is null or s.correlation_id = any ($7))
        order by s.started_at desc, s.key limit $6`,
      [name, stage, done, olderThan, failing, limit, conversations],
    );
    return rows.map(storedSaga);
  }

  async find(tx: Tx, name: string, key: string): Promise<SagaDetails | undefined> {
    const { schema, query } = open(tx);
    const [row] = await query(
      'find',
      `select ${COLUMNS}, s.history from ${schema}saga s where name = $1 and key = $2`,
      [name, key],
    );
    if (!row) return undefined;
    const timeouts = await query<WaitingTimeout & { error: string | null }>(
      'find_timeouts',
      `select name, due, times, failures, error from ${schema}saga_timeout where saga = $1 and key = $2 order by due`,
      [name, key],
    );
    return {
      ...storedSaga(row),
      history: row.history,
      timeouts: timeouts.map((timeout) => ({ ...timeout, error: timeout.error ?? undefined })),
    };
  }

  async forget(tx: Tx, name: string, keep: number): Promise<number> {
    const { schema, query } = open(tx);
    const [row] = await query<{ readonly count: number }>(
      'forget',
      `with old as (
         select key from ${schema}saga where name = $1 and ended_at < statement_timestamp() - $2 * interval '1 millisecond'
          limit 1000 for update skip locked
       ), forgotten as (delete from ${schema}saga s using old where s.name = $1 and s.key = old.key returning 1)
       select count(*)::int as count from forgotten`,
      [name, keep],
    );
    return row?.count ?? 0;
  }

  /** It also forgets a few that are too old. */
  async note(
    tx: Tx,
    { saga, key, who, action, reason, outcome }: Omit<SagaRepair, 'at'>,
  ): Promise<void> {
    const { schema, query } = open(tx);
    await query(
      'note',
      `with old as (
         select id from ${schema}saga_repair where at < statement_timestamp() - interval '${REPAIRS_KEPT_DAYS} days' order by id limit 20
       ), forgotten as (delete from ${schema}saga_repair where id in (select id from old))
       insert into ${schema}saga_repair (saga, key, who, action, reason, outcome) values ($1, $2, $3, $4, $5, $6)`,
      [saga, key, who, action, reason, outcome],
    );
  }

  async notes(tx: Tx, name: string, key: string): Promise<readonly SagaRepair[]> {
    const { schema, query } = open(tx);
    return query<SagaRepair>(
      'notes',
      `select at, saga, key, who, action, reason, outcome from ${schema}saga_repair where saga = $1 and key = $2 order by id desc limit 100`,
      [name, key],
    );
  }
}

/** Statements are prepared, once a connection: planning these takes longer than running them. */
function open(tx: Tx) {
  const { dataSource, queryRunner } = tx as EntityManager;
  const query = async <R extends object = Row>(
    name: string,
    text: string,
    values: unknown[],
  ): Promise<R[]> => {
    const client = (await queryRunner!.connect()) as ClientBase;
    return (await client.query<R>({ name: `saga_${name}`, text, values })).rows;
  };
  return { schema: schemaOf(dataSource.options), query };
}

const namesOf = (known: readonly KnownTimeout[]) => [
  known.map(({ saga }) => saga),
  known.map(({ name }) => name),
];

type Row = Omit<StoredSaga, 'stage'> & {
  readonly stage: string | null;
  readonly history: readonly HistoryEntry[];
};

function storedSaga({
  name,
  key,
  state,
  stage,
  done,
  version,
  correlationId,
  traceparent,
  startedAt,
  changedAt,
}: Row): StoredSaga {
  return {
    name,
    key,
    state,
    stage: stage ?? undefined,
    done,
    version,
    correlationId,
    traceparent,
    startedAt,
    changedAt,
  };
}
