import type { Tx } from '@parley/messaging/transport';
import type { ClientBase } from 'pg';
import type { EntityManager } from 'typeorm';
import { schemaOf } from './saga-migrations';
import {
  HISTORY_LIMIT,
  SagaConflictError,
  type ArmedTimeout,
  type DueTimeout,
  type HistoryEntry,
  type KnownTimeout,
  type SagaChange,
  type SagaDetails,
  type SagaFilter,
  type SagaStart,
  type SagaStore,
  type StoredSaga,
  type TimeoutId,
  type WaitingTimeout,
} from './saga-store';

const COLUMNS = `s.name, s.key, s.state, s.stage, s.ended_at is not null as done, s.version, s.correlation_id as "correlationId",
  s.traceparent, s.started_at as "startedAt", s.changed_at as "changedAt"`;

/**
 * Arms and disarms as parts of the statement that stores the saga: one round trip a step. `after`
 * etc. are its last parameters.
 */
const armed = (schema: string, first: number, from = '') => `
  insert into ${schema}saga_timeout (saga, key, name, due, times)
  select $1, $2, t.name, clock_timestamp() + t.after * interval '1 millisecond', t.times
    from unnest($${first}::text[], $${first + 1}::float8[], $${first + 2}::int[]) as t (name, after, times) ${from}
  on conflict (saga, key, name) do update set due = excluded.due, times = excluded.times, failures = 0, error = null`;

const armedValues = (arm: readonly ArmedTimeout[]) => [
  arm.map(({ name }) => name),
  arm.map(({ after }) => after),
  arm.map(({ times }) => times),
];

/**
 * Sagas in PostgreSQL. The saga's row is locked before any of its timeouts is touched, by messages
 * and timeouts alike: they cannot deadlock. Times are the database's.
 */
export class PostgresSagaStore implements SagaStore {
  async start(tx: Tx, saga: SagaStart): Promise<boolean> {
    const { schema, query } = open(tx);
    const rows = await query(
      'start',
      `with started as (
         insert into ${schema}saga (name, key, state, stage, ended_at, correlation_id, traceparent, history)
         values ($1, $2, $3, $4, case when $5 then statement_timestamp() end, $6, $7, jsonb_build_array($8::jsonb))
         on conflict do nothing returning key
       ), armed as (${armed(schema, 9, 'where exists (select from started)')})
       select key from started`,
      [
        saga.name,
        saga.key,
        JSON.stringify(saga.state),
        saga.stage,
        saga.done,
        saga.correlationId,
        saga.traceparent,
        JSON.stringify(saga.entry),
        ...armedValues(saga.arm),
      ],
    );
    return rows.length > 0;
  }

  async load(tx: Tx, name: string, key: string): Promise<StoredSaga | undefined> {
    const { schema, query } = open(tx);
    const [row] = await query(
      'load',
      `with patience as materialized (
         select set_config('lock_timeout', case current_setting('lock_timeout') when '0' then '5s' else current_setting('lock_timeout') end, true)
       )
       select ${COLUMNS} from patience, ${schema}saga s where s.name = $1 and s.key = $2 for update of s`,
      [name, key],
    );
    return row && storedSaga(row);
  }

  async save(tx: Tx, change: SagaChange): Promise<void> {
    const { schema, query } = open(tx);
    const rows = await query(
      'save',
      `with disarmed as (
         delete from ${schema}saga_timeout where saga = $1 and key = $2 and ($5 or name = any ($8))
       ), armed as (${armed(schema, 9)}), saved as (
         update ${schema}saga set state = $3, stage = $4, version = version + 1, changed_at = statement_timestamp(),
                ended_at = case when $5 then statement_timestamp() end,
                history = case when jsonb_array_length(history) < ${HISTORY_LIMIT} then history else history - 1 end || $7::jsonb
          where name = $1 and key = $2 and version = $6 returning key
       )
       select key from saved`,
      [
        change.name,
        change.key,
        JSON.stringify(change.state),
        change.stage,
        change.done,
        change.version,
        JSON.stringify(change.entry),
        change.disarm,
        ...armedValues(change.done ? [] : change.arm),
      ],
    );
    if (rows.length === 0) throw new SagaConflictError(change.name, change.key, change.version);
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
