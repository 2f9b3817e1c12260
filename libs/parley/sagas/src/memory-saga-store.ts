import type { Clock, Tx } from '@parley/messaging/transport';
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
  type SagaRepair,
  type SagaStart,
  type SagaStore,
  type StoredSaga,
  type TimeoutId,
} from './saga-store';

/**
 * The part of a transaction in memory that this store needs: registers a step that undoes a change
 * when the transaction fails. One transaction runs at a time.
 */
export interface UndoableTx {
  undo(step: () => void): void;
}

interface Row extends Omit<StoredSaga, 'state' | 'done'> {
  /** JSON, as in the database: no object is shared with readers. */
  readonly state: string;
  readonly endedAt?: number;
  readonly history: readonly HistoryEntry[];
}

interface TimeoutRow extends DueTimeout {
  /** By `elapsed` of the clock: setting the time of day changes no span. */
  readonly due: number;
  /** The same by the time of day, as it was when the timeout was armed. */
  readonly dueAt: number;
  readonly error?: string;
}

/** Milliseconds by which the time of day is off the clock of spans when somebody has set it. */
const SET_MS = 1_000;

/** Sagas in memory: for tests, and for the simulation of a whole system. */
export class MemorySagaStore implements SagaStore {
  private readonly sagas = new Map<string, Row>();
  private readonly timeouts = new Map<string, TimeoutRow>();
  private readonly repairs = new Map<string, SagaRepair>();

  constructor(private readonly clock: Pick<Clock, 'now' | 'elapsed'>) {}

  async start(tx: Tx, sagas: readonly SagaStart[]): Promise<ReadonlySet<string>> {
    const added = sagas.filter((saga) => this.add(tx, saga));
    return new Set(added.map(({ key }) => key));
  }

  async load(
    _tx: Tx,
    name: string,
    keys: readonly string[],
  ): Promise<ReadonlyMap<string, StoredSaga>> {
    const rows = keys.flatMap((key) => this.sagas.get(idOf(name, key)) ?? []);
    return new Map(rows.map((row) => [row.key, storedSaga(row)]));
  }

  async save(tx: Tx, changes: readonly SagaChange[]): Promise<void> {
    for (const change of changes) this.change(tx, change);
  }

  private add(tx: Tx, { arm, entry, state, done, ...saga }: SagaStart): boolean {
    const id = idOf(saga.name, saga.key);
    if (this.sagas.has(id)) return false;
    const at = new Date(this.now());
    const row = {
      ...saga,
      version: 1,
      state: JSON.stringify(state),
      startedAt: at,
      changedAt: at,
      history: [entry],
    };
    put(tx, this.sagas, id, { ...row, endedAt: done ? this.now() : undefined });
    this.arm(tx, saga, arm);
    return true;
  }

  private change(tx: Tx, change: SagaChange): void {
    const { name, key, version, stage, done, entry } = change;
    const row = this.sagas.get(idOf(name, key));
    if (row?.version !== version) throw new SagaConflictError(name, key, version);
    const times = { changedAt: new Date(this.now()), endedAt: done ? this.now() : undefined };
    put(tx, this.sagas, idOf(name, key), {
      ...row,
      ...times,
      stage,
      version: version + 1,
      state: JSON.stringify(change.state),
      history: remembered(row.history, entry),
    });
    for (const timeout of this.timeoutsOf(name, key))
      if (done || change.disarm.includes(timeout.name))
        remove(tx, this.timeouts, timeoutIdOf(timeout));
    if (!done) this.arm(tx, change, change.arm);
  }

  async claim(
    tx: Tx,
    known: readonly KnownTimeout[],
  ): Promise<{ timeout: DueTimeout; saga: StoredSaga } | undefined> {
    const next = this.knownByDue(known)[0];
    const row = next && this.sagas.get(idOf(next.saga, next.key));
    if (!row || next.due > this.clock.elapsed()) return undefined;
    remove(tx, this.timeouts, timeoutIdOf(next));
    const { saga, key, name, times, failures } = next;
    return { timeout: { saga, key, name, times, failures }, saga: storedSaga(row) };
  }

  async postpone(tx: Tx, timeout: TimeoutId, after: number, error: string): Promise<void> {
    const row = this.timeouts.get(timeoutIdOf(timeout));
    if (row && row.due <= this.clock.elapsed())
      put(tx, this.timeouts, timeoutIdOf(timeout), {
        ...row,
        ...this.dueAfter(after),
        failures: row.failures + 1,
        error,
      });
  }

  async nextDue(_tx: Tx, known: readonly KnownTimeout[]): Promise<number | undefined> {
    const next = this.knownByDue(known)[0];
    return next && next.due - this.clock.elapsed();
  }

  async list(
    _tx: Tx,
    {
      name,
      stage,
      done,
      olderThan = 0,
      failing = false,
      conversations,
      limit = 100,
    }: SagaFilter = {},
  ): Promise<readonly StoredSaga[]> {
    const wanted = (row: Row) =>
      (name === undefined || row.name === name) &&
      (stage === undefined || row.stage === stage) &&
      (done === undefined || (row.endedAt !== undefined) === done) &&
      row.startedAt.getTime() <= this.now() - olderThan &&
      (conversations === undefined || conversations.includes(row.correlationId)) &&
      (!failing || this.timeoutsOf(row.name, row.key).some(({ failures }) => failures > 0));
    const newestFirst = (a: Row, b: Row) =>
      b.startedAt.getTime() - a.startedAt.getTime() || (a.key < b.key ? -1 : 1);
    return [...this.sagas.values()]
      .filter(wanted)
      .sort(newestFirst)
      .slice(0, limit)
      .map(storedSaga);
  }

  async find(_tx: Tx, name: string, key: string): Promise<SagaDetails | undefined> {
    const row = this.sagas.get(idOf(name, key));
    if (!row) return undefined;
    const timeouts = this.timeoutsOf(name, key).sort((a, b) => a.due - b.due);
    return {
      ...storedSaga(row),
      history: row.history,
      timeouts: timeouts.map((timeout) => ({
        name: timeout.name,
        due: this.shownDue(timeout),
        times: timeout.times,
        failures: timeout.failures,
        error: timeout.error,
      })),
    };
  }

  async forget(tx: Tx, name: string, keep: number): Promise<number> {
    const old = [...this.sagas].filter(
      ([, row]) =>
        row.name === name && row.endedAt !== undefined && row.endedAt < this.now() - keep,
    );
    for (const [id] of old) remove(tx, this.sagas, id);
    return old.length;
  }

  async note(tx: Tx, repair: Omit<SagaRepair, 'at'>): Promise<void> {
    put(tx, this.repairs, String(this.repairs.size), { ...repair, at: new Date(this.now()) });
  }

  async notes(_tx: Tx, name: string, key: string): Promise<readonly SagaRepair[]> {
    return [...this.repairs.values()]
      .filter((repair) => repair.saga === name && repair.key === key)
      .reverse();
  }

  private now(): number {
    return this.clock.now();
  }

  private arm(
    tx: Tx,
    { name: saga, key }: { name: string; key: string },
    arm: readonly ArmedTimeout[],
  ): void {
    for (const { name, after, times } of arm) {
      put(tx, this.timeouts, timeoutIdOf({ saga, key, name }), {
        saga,
        key,
        name,
        times,
        failures: 0,
        ...this.dueAfter(after),
      });
    }
  }

  private dueAfter(milliseconds: number): Pick<TimeoutRow, 'due' | 'dueAt'> {
    return {
      due: this.clock.elapsed() + milliseconds,
      dueAt: this.now() + milliseconds,
    };
  }

  /** Each reader sees the same time, until the time of day is set. */
  private shownDue({ due, dueAt }: TimeoutRow): Date {
    const today = this.now() + due - this.clock.elapsed();
    return new Date(Math.abs(today - dueAt) < SET_MS ? dueAt : today);
  }

  private timeoutsOf(saga: string, key: string): TimeoutRow[] {
    return [...this.timeouts.values()].filter((row) => row.saga === saga && row.key === key);
  }

  private knownByDue(known: readonly KnownTimeout[]): TimeoutRow[] {
    const isKnown = (row: TimeoutRow) =>
      known.some(({ saga, name }) => row.saga === saga && row.name === name);
    return [...this.timeouts.values()].filter(isKnown).sort((a, b) => a.due - b.due);
  }
}

const idOf = (name: string, key: string) => JSON.stringify([name, key]);
const timeoutIdOf = ({ saga, key, name }: TimeoutId) => JSON.stringify([saga, key, name]);

function put<Value>(tx: Tx, rows: Map<string, Value>, id: string, value: Value): void {
  takeBackWith(tx, rows, id);
  rows.set(id, value);
}

function remove<Value>(tx: Tx, rows: Map<string, Value>, id: string): void {
  takeBackWith(tx, rows, id);
  rows.delete(id);
}

function takeBackWith<Value>(tx: Tx, rows: Map<string, Value>, id: string): void {
  const before = rows.get(id);
  (tx as UndoableTx).undo(() => (before === undefined ? rows.delete(id) : rows.set(id, before)));
}

const remembered = (history: readonly HistoryEntry[], entry: HistoryEntry) =>
  history.length < HISTORY_LIMIT ? [...history, entry] : [history[0]!, ...history.slice(2), entry];

function storedSaga({
  name,
  key,
  state,
  stage,
  endedAt,
  version,
  correlationId,
  traceparent,
  startedAt,
  changedAt,
}: Row): StoredSaga {
  return {
    name,
    key,
    state: JSON.parse(state),
    stage,
    done: endedAt !== undefined,
    version,
    correlationId,
    traceparent,
    startedAt,
    changedAt,
  };
}
