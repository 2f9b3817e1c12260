import {
  type AuditEntry,
  type DeadLetter,
  type DeadLetterFilter,
  type Decision,
} from '@parley/messaging';
import {
  UNNAMED_OPERATOR,
  type AuditFilter,
  type DeadLetterGroup,
  type DeadLetters,
  type Edit,
  type Failure,
  type FoundDeadLetter,
} from '@parley/messaging/transport';
import type { Database, Statement } from '../connection/database';
import { channelOf, unpackHeaders } from '../cloudevents';
import { PostgresReplayRuns } from './replay-runs';
import { textOrNull } from './text-or-null';

/** The dead letters of a service, in its own database. */
export class PostgresDeadLetters implements DeadLetters {
  readonly runs: PostgresReplayRuns;

  constructor(
    private readonly database: Database,
    private readonly service: string,
  ) {
    this.runs = new PostgresReplayRuns(database, service);
  }

  async list(filter: DeadLetterFilter = {}): Promise<readonly DeadLetter[]> {
    const values = [...this.narrowed(filter), filter.limit ?? 100, filter.newest ?? false];
    return (await this.database.call<LetterRow>(LIST, values)).map(letterOf);
  }

  async count(filter: DeadLetterFilter = {}): Promise<number> {
    const [row] = await this.database.call<{ n: string }>(COUNT, this.narrowed(filter));
    return Number(row!.n);
  }

  groups(filter: DeadLetterFilter = {}): Promise<readonly DeadLetterGroup[]> {
    return this.database.call(GROUPS, [...this.narrowed(filter), filter.limit ?? 100]);
  }

  async find(id: string): Promise<FoundDeadLetter | undefined> {
    if (!isId(id)) return undefined;
    const [row] = await this.database.call<FoundRow>(FIND, [this.service, id]);
    if (!row) return undefined;
    const { handled, waiting, held_by: heldBy, ...letter } = row;
    return {
      ...letterOf(letter),
      handledBefore: handled,
      waiting,
      ...(heldBy !== null && { heldBy }),
    };
  }

  async replay(id: string, { who, reason }: Decision = UNNAMED_OPERATOR): Promise<boolean> {
    return (
      isId(id) &&
      this.awoken(
        await this.call<{ wake: string | null }>(REPLAY, [id, textOrNull(who), textOrNull(reason)]),
      )
    );
  }

  async edit(
    id: string,
    body: Buffer,
    { who, reason, replay = false, edits }: Edit,
  ): Promise<'done' | 'gone' | 'edited meanwhile'> {
    if (!isId(id)) return 'gone';
    const row = await this.call<{
      outcome: 'done' | 'gone' | 'edited meanwhile';
      wake: string | null;
    }>(EDIT, [id, body, edits ?? null, replay, textOrNull(who), textOrNull(reason)]);
    this.awoken(row);
    return row.outcome;
  }

  async discard(id: string, { who, reason }: Decision): Promise<boolean> {
    return (
      isId(id) &&
      this.awoken(
        await this.call<{ wake: string | null }>(DISCARD, [
          id,
          textOrNull(who),
          textOrNull(reason),
        ]),
      )
    );
  }

  async refused(
    id: string,
    {
      who,
      reason,
      action,
      outcome,
      after,
    }: Decision & Pick<AuditEntry, 'action' | 'outcome' | 'after'>,
  ): Promise<void> {
    if (isId(id))
      await this.call(REFUSED, [
        id,
        action,
        textOrNull(who),
        textOrNull(reason),
        textOrNull(outcome),
        after ?? null,
      ]);
  }

  async audit({ letter, who, limit = 100 }: AuditFilter = {}): Promise<readonly AuditEntry[]> {
    if (letter !== undefined && !isId(letter)) return [];
    const rows = await this.database.call<AuditRow>(AUDIT, [
      this.service,
      letter ?? null,
      textOrNull(who),
      limit,
    ]);
    return rows.map(entryOf);
  }

  private async call<Row extends object>(
    statement: Statement,
    values: readonly unknown[],
  ): Promise<Row> {
    const [row] = await this.database.call<Row>(statement, [this.service, ...values]);
    return row!;
  }

  /** Wakes the consumer of a lane that can go on now. Returns whether there is one. */
  private awoken({ wake }: { readonly wake: string | null }): boolean {
    if (wake !== null) this.database.notifier.wake(channelOf(wake));
    return wake !== null;
  }

  private narrowed({
    subscription,
    contract,
    error,
    group,
    from,
    to,
    upTo,
  }: DeadLetterFilter): unknown[] {
    return [
      this.service,
      textOrNull(subscription),
      textOrNull(contract),
      textOrNull(error),
      textOrNull(group),
      from ?? null,
      to ?? null,
      upTo === undefined || !isId(upTo) ? null : upTo,
    ];
  }
}

type LetterRow = Omit<DeadLetter, 'headers' | 'failure'> & {
  readonly headers: Buffer;
  readonly failure: string;
};
type FoundRow = LetterRow & {
  readonly handled: boolean;
  readonly waiting: number;
  readonly held_by: string | null;
};
type AuditRow = { readonly [Name in keyof AuditEntry]-?: AuditEntry[Name] | null } & {
  readonly headers: Buffer | null;
  readonly failure: string | null;
};

const isId = (id: string): boolean => /^\d{1,18}$/.test(id);

const letterOf = (row: LetterRow): DeadLetter => ({
  ...row,
  headers: unpackHeaders(row.headers),
  failure: JSON.parse(row.failure) as Failure,
});

function entryOf({ headers, failure, ...row }: AuditRow): AuditEntry {
  const known = Object.fromEntries(
    Object.entries(row).filter(([, value]) => value !== null),
  ) as unknown as AuditEntry;
  return {
    ...known,
    ...(headers && { headers: unpackHeaders(headers) }),
    ...(failure !== null && { failure: JSON.parse(failure) as Failure }),
  };
}

const FILTER = '$1, $2, $3, $4, $5, $6, $7, $8';
const LIST: Statement = {
  name: 'parley_dead_letters',
  text: `select * from parley.dead_letters(${FILTER}, $9, $10)`,
};
const COUNT: Statement = {
  name: 'parley_count_dead_letters',
  text: `select parley.count_dead_letters(${FILTER}) n`,
};
const GROUPS: Statement = {
  name: 'parley_dead_groups',
  text: `select * from parley.dead_groups(${FILTER}, $9)`,
};
const FIND: Statement = {
  name: 'parley_dead_letter',
  text: 'select * from parley.dead_letter($1, $2)',
};
const REPLAY: Statement = {
  name: 'parley_replay',
  text: 'select parley.replay($1, $2, $3, $4) wake',
};
const EDIT: Statement = {
  name: 'parley_edit_letter',
  text: 'select * from parley.edit_letter($1, $2, $3, $4, $5, $6, $7)',
};
const DISCARD: Statement = {
  name: 'parley_discard_letter',
  text: 'select parley.discard_letter($1, $2, $3, $4) wake',
};
const REFUSED: Statement = {
  name: 'parley_note_refusal',
  text: 'select parley.note_refusal($1, $2, $3, $4, $5, $6, $7)',
};
const AUDIT: Statement = {
  name: 'parley_audit_entries',
  text: 'select * from parley.audit_entries($1, $2, $3, $4)',
};
