import type { Tx } from '@parley/messaging/transport';

/** One saga as it is stored. */
export interface StoredSaga {
  /** The definition's name, `trip`. */
  readonly name: string;
  readonly key: string;
  readonly state: unknown;
  readonly stage?: string;
  readonly done: boolean;
  /** Counts up with each change. */
  readonly version: number;
  /**
   * Of the message that started it: messages of its timeouts belong to the same conversation and
   * trace.
   */
  readonly correlationId: string;
  readonly traceparent: string;
  readonly startedAt: Date;
  readonly changedAt: Date;
}

/**
 * The effect of one step, for people. The first entry and the last ones are kept, HISTORY_LIMIT in
 * all.
 */
export interface HistoryEntry {
  /** ISO 8601. */
  readonly at: string;
  /** The message's contract, or the timeout. */
  readonly trigger: string;
  readonly messageId?: string;
  readonly from?: string;
  readonly to?: string;
  /** Contracts and commands, in the order they were said. */
  readonly said: readonly string[];
  /** Changed fields of the state; hidden fields are left out. */
  readonly changes?: readonly StateChange[];
  /** Operator and reason; repairs only. */
  readonly who?: string;
  readonly reason?: string;
}

/** One field that a step changed; a value that is long is cut. */
export interface StateChange {
  /** `lines.0.quantity` */
  readonly field: string;
  /** JSON; undefined: it was not there. */
  readonly from?: string;
  /** JSON; undefined: it is gone. */
  readonly to?: string;
}

/** A repair, as it was asked for, also when it was refused. */
export interface SagaRepair {
  readonly at: Date;
  readonly saga: string;
  readonly key: string;
  readonly who: string;
  readonly action: string;
  readonly reason: string;
  /** `done`, or why not. */
  readonly outcome: string;
}
export const HISTORY_LIMIT = 50;

export interface ArmedTimeout {
  readonly name: string;
  /** Milliseconds from now, by the store's own clock: instances need not agree on the time. */
  readonly after: number;
  /** How often it ran out already. */
  readonly times: number;
}

export interface SagaStart extends Pick<
  StoredSaga,
  'name' | 'key' | 'state' | 'stage' | 'done' | 'correlationId' | 'traceparent'
> {
  readonly arm: readonly ArmedTimeout[];
  readonly entry: HistoryEntry;
}

export interface SagaChange extends Pick<
  StoredSaga,
  'name' | 'key' | 'state' | 'stage' | 'done' | 'version'
> {
  readonly arm: readonly ArmedTimeout[];
  readonly disarm: readonly string[];
  readonly entry: HistoryEntry;
}

export interface TimeoutId {
  readonly saga: string;
  readonly key: string;
  readonly name: string;
}

export interface DueTimeout extends TimeoutId {
  /** How often it ran out before. */
  readonly times: number;
  /** How often its step failed since. */
  readonly failures: number;
}

/**
 * A timeout this version of the service has a step for. Others are left alone: another version may
 * know them.
 */
export type KnownTimeout = Pick<TimeoutId, 'saga' | 'name'>;

export interface WaitingTimeout {
  readonly name: string;
  readonly due: Date;
  readonly times: number;
  readonly failures: number;
  readonly error?: string;
}

export interface SagaFilter {
  readonly name?: string;
  readonly stage?: string;
  readonly done?: boolean;
  /** Started at least so many milliseconds ago. */
  readonly olderThan?: number;
  /** Only those with a timeout that has a failed step. */
  readonly failing?: boolean;
  /** Only those that one of these conversations started: their correlation ids. */
  readonly conversations?: readonly string[];
  /** Default 100. */
  readonly limit?: number;
}

export interface SagaDetails extends StoredSaga {
  readonly history: readonly HistoryEntry[];
  readonly timeouts: readonly WaitingTimeout[];
}

/**
 * Keeps sagas and their timeouts in the service's own database, so that a step, its messages and
 * the message that caused it commit together. Everything happens in the given transaction; the
 * store itself holds no connection. PostgreSQL (`PostgresSagaStore`) or memory (`MemorySagaStore`);
 * both pass `saga-store.suite.ts`.
 */
export interface SagaStore {
  /**
   * Stores new sagas of one name; resolves with the keys of those that are new. Nothing changes
   * where one of the key is there already, be it finished. Waits for a concurrent start.
   */
  start(tx: Tx, sagas: readonly SagaStart[]): Promise<ReadonlySet<string>>;
  /**
   * The sagas of these keys that are there, locked until the transaction ends, by key. Another
   * transaction that needs one waits, a few seconds at most, and then fails with an error that may
   * be retried. Locks are taken in one order: two transactions never wait for each other.
   */
  load(tx: Tx, name: string, keys: readonly string[]): Promise<ReadonlyMap<string, StoredSaga>>;
  /**
   * Stores changes of loaded sagas of one name. Done: all its timeouts are gone. @throws
   * SagaConflictError when one is not at `version` any more.
   */
  save(tx: Tx, changes: readonly SagaChange[]): Promise<void>;
  /**
   * Takes one known timeout that is due, and locks its saga. Skips timeouts of locked sagas. The
   * timeout is gone when the transaction commits, and due again when it does not.
   */
  claim(
    tx: Tx,
    known: readonly KnownTimeout[],
  ): Promise<{ readonly timeout: DueTimeout; readonly saga: StoredSaga } | undefined>;
  /**
   * After its step failed: due again in `after` milliseconds, with the reason for people to see. One
   * that is not due was armed anew, by a commit whose answer got lost: it keeps its time.
   */
  postpone(tx: Tx, timeout: TimeoutId, after: number, error: string): Promise<void>;
  /** Milliseconds until the next known timeout is due; negative: it is overdue. */
  nextDue(tx: Tx, known: readonly KnownTimeout[]): Promise<number | undefined>;
  /** Newest first. */
  list(tx: Tx, filter?: SagaFilter): Promise<readonly StoredSaga[]>;
  find(tx: Tx, name: string, key: string): Promise<SagaDetails | undefined>;
  /**
   * Removes sagas that ended more than `keep` milliseconds ago, some at a time: how many. Their
   * keys can be used again.
   */
  forget(tx: Tx, name: string, keep: number): Promise<number>;
  /** Keeps a repair for the audit, for REPAIRS_KEPT_DAYS. */
  note(tx: Tx, repair: Omit<SagaRepair, 'at'>): Promise<void>;
  /** Repairs of a saga, the latest first. */
  notes(tx: Tx, name: string, key: string): Promise<readonly SagaRepair[]>;
}

export const REPAIRS_KEPT_DAYS = 400;

/** As long as nobody resumes it: a timeout whose step kept failing is due then. */
export const PAUSED_MS = 1_000 * 365 * 86_400_000;

/** True for a timeout that is paused until an operator decides. */
export const isPaused = ({ due }: Pick<WaitingTimeout, 'due'>, now: number): boolean =>
  due.getTime() - now > PAUSED_MS / 2;

/**
 * Another transaction changed the saga meanwhile. The handling rolls back and is retried with the
 * new state.
 */
export class SagaConflictError extends Error {
  override readonly name = 'SagaConflictError';
  constructor(saga: string, key: string, version: number) {
    super(`${saga} ${key} is not at version ${version} any more; the message is handled again`);
  }
}
