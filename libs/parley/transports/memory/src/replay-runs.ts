import { type AuditEntry, type Decision } from '@parley/messaging';
import {
  RUN_LEASE_MS,
  type NewReplayRun,
  type ReplayRun,
  type ReplayRuns,
} from '@parley/messaging/transport';
import type { MemoryDatabase, MemoryTx } from './database';
import type { LaneTable, Row } from './lane-table';
import type { Letter } from './letter';

/** The part of the dead letters that runs use. */
interface Letters {
  readonly database: MemoryDatabase;
  readonly table: LaneTable;
  all(): Iterable<Letter>;
  holding(lane: string): readonly Letter[];
  replayIn(tx: MemoryTx, id: string, by: Decision): Letter | undefined;
  writeDown(
    tx: MemoryTx,
    id: string,
    entry: Decision & Pick<AuditEntry, 'action' | 'outcome' | 'subscription'>,
  ): void;
}

type Replayed = Pick<Row, 'subscription' | 'headers' | 'body' | 'lane'>;

/** A run, its letters that are not known to be handled, and its lease. */
interface Kept {
  readonly run: ReplayRun;
  readonly letters: readonly Replayed[];
  readonly until: number;
  /** The letter it has come to. */
  readonly at: string;
}

export class MemoryReplayRuns implements ReplayRuns {
  private readonly kept = new Map<string, Kept>();

  constructor(private readonly letters: Letters) {}

  begin({ subscription, group, rate }: NewReplayRun, by: Decision, driver: string) {
    return this.within((tx) => {
      const known = [...this.kept.values()].find(
        ({ run }) =>
          run.state === 'running' && run.subscription === subscription && run.group === group,
      );
      if (known) return { run: known.run, isNew: false };
      const found = [...this.letters.all()]
        .filter((letter) => letter.subscription === subscription && letter.group === group)
        .sort((a, b) => Number(a.id) - Number(b.id));
      if (found.length === 0) return undefined;
      const run: ReplayRun = {
        ...{ id: String(this.kept.size + 1), subscription, group, rate, ...by },
        state: 'running',
        ...{ step: 0, began: this.now(), upTo: found.at(-1)!.id, total: found.length },
        ...{ inStep: 0, replayed: 0, open: 0, waiting: 0, driver, token: '1' },
      };
      const kept = { run, letters: [], until: this.leaseEnd(), at: found[0]!.id };
      this.put(tx, kept);
      const what = `${run.total} letters of ${group}, at ${rate} a second`;
      this.note(tx, kept, by, `run ${run.id} begins: ${what}`);
      return { run, isNew: true };
    });
  }

  take(driver: string): Promise<readonly ReplayRun[]> {
    return this.within((tx) =>
      [...this.kept.values()]
        .filter(
          ({ run, until }) =>
            run.state === 'running' && until < this.letters.database.clock.elapsed(),
        )
        .map((kept) => {
          const run = { ...kept.run, driver, token: String(Number(kept.run.token) + 1) };
          this.put(tx, { ...kept, run, until: this.leaseEnd() });
          return run;
        }),
    );
  }

  replay(asked: ReplayRun, id: string): Promise<'done' | 'waits' | 'gone' | 'over'> {
    return this.within((tx) => {
      const kept = this.held(asked);
      if (!kept) return 'over';
      const { who, reason } = kept.run;
      const why = [reason, `(run ${asked.id})`].filter(Boolean).join(' ');
      const letter = this.letters.replayIn(tx, id, { who, reason: why });
      if (!letter) return 'gone';
      const waits = this.letters.holding(letter.lane).length > 0;
      const { replayed, inStep, open, waiting } = kept.run;
      const run = {
        ...kept.run,
        replayed: replayed + 1,
        ...(waits ? { waiting: waiting + 1 } : { inStep: inStep + 1, open: open + 1 }),
      };
      this.put(tx, { ...kept, run, letters: [...kept.letters, letter], at: id });
      return waits ? 'waits' : 'done';
    });
  }

  look(asked: ReplayRun): Promise<ReplayRun | undefined> {
    return this.within((tx) => {
      const kept = this.held(asked);
      if (!kept) return undefined;
      const dead = [...this.letters.all()];
      const parked = [...this.letters.table.rows()];
      const letters = kept.letters.filter((one) => [...dead, ...parked].some(isSame(one)));
      const waiting = letters.filter((one) =>
        this.letters.holding(one.lane).some((holder) => !isSame(one)(holder)),
      ).length;
      const died = dead
        .filter((letter) => letters.some(isSame(letter)))
        .sort((a, b) => Number(a.id) - Number(b.id))[0];
      const run: ReplayRun = {
        ...kept.run,
        ...{ waiting, open: letters.length - waiting },
        ...(died && { relapse: { letter: died.id, failure: died.failure } }),
      };
      this.put(tx, { ...kept, run, letters, until: this.leaseEnd() });
      return run;
    });
  }

  advance(asked: ReplayRun, outcome: string): Promise<boolean> {
    return this.within((tx) => {
      const kept = this.held(asked);
      if (!kept) return false;
      this.put(tx, { ...kept, run: { ...kept.run, step: kept.run.step + 1, inStep: 0 } });
      this.note(tx, kept, kept.run, `run ${asked.id}, ${outcome}`);
      return true;
    });
  }

  end(asked: ReplayRun, state: 'done' | 'relapsed', outcome: string): Promise<boolean> {
    return this.within((tx) => this.over(tx, this.held(asked), state, outcome));
  }

  cancel(id: string, outcome: string, by: Decision): Promise<boolean> {
    return this.within((tx) => {
      const kept = this.kept.get(id);
      const running = kept?.run.state === 'running' ? kept : undefined;
      return this.over(tx, running, 'cancelled', outcome, by);
    });
  }

  release(asked: ReplayRun): Promise<void> {
    return this.within((tx) => {
      const kept = this.held(asked);
      if (kept) this.put(tx, { ...kept, until: -Infinity });
    });
  }

  list({ id, limit = 100 }: { id?: string; limit?: number } = {}): Promise<readonly ReplayRun[]> {
    return this.within(() =>
      [...this.kept.values()]
        .map(({ run }) => run)
        .filter((run) => id === undefined || run.id === id)
        .reverse()
        .slice(0, limit),
    );
  }

  private over(
    tx: MemoryTx,
    kept: Kept | undefined,
    state: ReplayRun['state'],
    outcome: string,
    by?: Decision,
  ): boolean {
    if (!kept) return false;
    const run = { ...kept.run, state, outcome, ended: this.now() };
    this.put(tx, { ...kept, run, letters: [] });
    this.note(
      tx,
      kept,
      { who: by?.who ?? run.who, reason: by?.reason ?? run.reason },
      `run ${run.id} ends: ${outcome}`,
    );
    return true;
  }

  private note(tx: MemoryTx, { at, run }: Kept, { who, reason }: Decision, outcome: string): void {
    this.letters.writeDown(tx, at, {
      who,
      ...(reason !== undefined && { reason }),
      action: 'canary replay',
      outcome,
      subscription: run.subscription,
    });
  }

  /** The run, if it is under way and driven by whoever holds this token. */
  private held({ id, token }: ReplayRun): Kept | undefined {
    const kept = this.kept.get(id);
    return kept?.run.state === 'running' && kept.run.token === token ? kept : undefined;
  }

  private put(tx: MemoryTx, kept: Kept): void {
    const { id } = kept.run;
    const former = this.kept.get(id);
    this.kept.set(id, kept);
    tx.undo(() => (former ? this.kept.set(id, former) : this.kept.delete(id)));
  }

  private within<T>(work: (tx: MemoryTx) => T): Promise<T> {
    return this.letters.database.within(undefined, work);
  }

  private leaseEnd(): number {
    return this.letters.database.clock.elapsed() + RUN_LEASE_MS;
  }

  private now(): Date {
    return new Date(this.letters.database.clock.now());
  }
}

/** The same message: several may have one id. */
const isSame =
  (one: Pick<Row, 'subscription' | 'headers' | 'body'>) =>
  (other: Pick<Row, 'subscription' | 'headers' | 'body'>): boolean =>
    one.subscription === other.subscription &&
    one.headers.id === other.headers.id &&
    one.body.equals(other.body);
