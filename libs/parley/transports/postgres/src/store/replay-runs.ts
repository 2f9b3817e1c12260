import { type Decision } from '@parley/messaging';
import {
  RUN_LEASE_MS,
  type Failure,
  type NewReplayRun,
  type ReplayRun,
  type ReplayRuns,
} from '@parley/messaging/transport';
import { channelOf } from '../cloudevents';
import type { Database, Statement } from '../connection/database';
import { textOrNull } from './text-or-null';

/** Replays in steps, kept in the database of the letters. */
export class PostgresReplayRuns implements ReplayRuns {
  constructor(
    private readonly database: Database,
    private readonly service: string,
  ) {}

  async begin(
    { subscription, group, rate }: NewReplayRun,
    { who, reason }: Decision,
    driver: string,
  ): Promise<{ readonly run: ReplayRun; readonly isNew: boolean } | undefined> {
    const [begun] = await this.call<{ id: string; fresh: boolean }>(BEGIN, [
      ...[textOrNull(subscription), textOrNull(group), rate, textOrNull(who), textOrNull(reason)],
      ...[driver, RUN_LEASE_MS],
    ]);
    if (!begun) return undefined;
    const [run] = await this.list({ id: begun.id });
    return { run: run!, isNew: begun.fresh };
  }

  async take(driver: string): Promise<readonly ReplayRun[]> {
    const taken = await this.call<{ id: string }>(TAKE, [driver, RUN_LEASE_MS]);
    const runs = await Promise.all(taken.map(({ id }) => this.list({ id })));
    return runs.flat();
  }

  async replay(
    { id, token }: ReplayRun,
    letter: string,
  ): Promise<'done' | 'waits' | 'gone' | 'over'> {
    const [row] = await this.call<{
      outcome: 'done' | 'waits' | 'gone' | 'over';
      wake: string | null;
    }>(REPLAY, [id, token, letter]);
    const { outcome, wake } = row!;
    if (wake !== null) this.database.notifier.wake(channelOf(wake));
    return outcome;
  }

  async look({ id, token }: ReplayRun): Promise<ReplayRun | undefined> {
    if (!(await this.is(LOOK, [id, token, RUN_LEASE_MS]))) return undefined;
    return (await this.list({ id }))[0];
  }

  advance({ id, token }: ReplayRun, outcome: string): Promise<boolean> {
    return this.is(ADVANCE, [id, token, textOrNull(outcome)]);
  }

  end({ id, token }: ReplayRun, state: 'done' | 'relapsed', outcome: string): Promise<boolean> {
    return this.is(END, [id, token, state, textOrNull(outcome), null, null]);
  }

  async cancel(id: string, outcome: string, { who, reason }: Decision): Promise<boolean> {
    return (
      isId(id) &&
      (await this.is(END, [
        id,
        null,
        'cancelled',
        textOrNull(outcome),
        textOrNull(who),
        textOrNull(reason),
      ]))
    );
  }

  async release({ id, token }: ReplayRun): Promise<void> {
    await this.call(RELEASE, [id, token]);
  }

  async list({ id, limit = 100 }: { id?: string; limit?: number } = {}): Promise<
    readonly ReplayRun[]
  > {
    if (id !== undefined && !isId(id)) return [];
    return (await this.call<RunRow>(LIST, [id ?? null, limit])).map(runOf);
  }

  private async is(statement: Statement, values: readonly unknown[]): Promise<boolean> {
    const [row] = await this.call<{ done: boolean }>(statement, values);
    return row!.done;
  }

  private call<Row extends object>(
    statement: Statement,
    values: readonly unknown[],
  ): Promise<Row[]> {
    return this.database.call<Row>(statement, [this.service, ...values]);
  }
}

type RunRow = Omit<ReplayRun, 'relapse' | 'reason' | 'ended' | 'outcome'> & {
  readonly reason: string | null;
  readonly ended: Date | null;
  readonly outcome: string | null;
  readonly relapse: string | null;
  readonly failure: string | null;
};

function runOf({ reason, ended, outcome, relapse, failure, ...row }: RunRow): ReplayRun {
  return {
    ...row,
    ...(reason !== null && { reason }),
    ...(ended !== null && { ended }),
    ...(outcome !== null && { outcome }),
    ...(relapse !== null &&
      failure !== null && {
        relapse: { letter: relapse, failure: JSON.parse(failure) as Failure },
      }),
  };
}

const isId = (id: string): boolean => /^\d{1,18}$/.test(id);

const BEGIN: Statement = {
  name: 'parley_begin_replay_run',
  text: 'select * from parley.begin_replay_run($1, $2, $3, $4, $5, $6, $7, $8)',
};
const TAKE: Statement = {
  name: 'parley_take_replay_runs',
  text: 'select id from parley.take_replay_runs($1, $2, $3) id',
};
const REPLAY: Statement = {
  name: 'parley_replay_in_run',
  text: 'select * from parley.replay_in_run($1, $2, $3, $4)',
};
const LOOK: Statement = {
  name: 'parley_look_at_run',
  text: 'select parley.look_at_run($1, $2, $3, $4) done',
};
const ADVANCE: Statement = {
  name: 'parley_advance_run',
  text: 'select parley.advance_run($1, $2, $3, $4) done',
};
const END: Statement = {
  name: 'parley_end_run',
  text: 'select parley.end_run($1, $2, $3, $4, $5, $6, $7) done',
};
const RELEASE: Statement = {
  name: 'parley_release_run',
  text: 'select parley.release_run($1, $2, $3)',
};
const LIST: Statement = {
  name: 'parley_replay_runs',
  text: 'select * from parley.replay_runs($1, $2, $3)',
};
