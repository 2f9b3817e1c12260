import {
  type AuditEntry,
  type DeadLetter,
  type DeadLetterFilter,
  type Decision,
} from '@parley/messaging';
import {
  causeOf,
  UNNAMED_OPERATOR,
  type AuditFilter,
  type DeadLetterGroup,
  type DeadLetters,
  type Edit,
  type Failure,
  type FoundDeadLetter,
} from '@parley/messaging/transport';
import type { LaneTable, Row } from './lane-table';
import type { MemoryDatabase, MemoryTx } from './database';
import type { Letter } from './letter';
import { MemoryReplayRuns } from './replay-runs';

export class MemoryDeadLetters implements DeadLetters {
  private readonly letters = new Map<string, Letter>();
  private readonly entries: (AuditEntry & { readonly messageId?: string })[] = [];
  readonly runs = new MemoryReplayRuns(this);
  private ids = 0;

  constructor(
    readonly database: MemoryDatabase,
    readonly table: LaneTable,
  ) {}

  list(filter: DeadLetterFilter = {}): Promise<readonly DeadLetter[]> {
    return this.database.turn(() => {
      const found = this.matching(filter);
      return (filter.newest ? found.reverse() : found).slice(0, filter.limit ?? 100);
    });
  }

  count(filter: DeadLetterFilter = {}): Promise<number> {
    return this.database.turn(() => this.matching(filter).length);
  }

  groups(filter: DeadLetterFilter = {}): Promise<readonly DeadLetterGroup[]> {
    return this.database.turn(() => {
      const found = this.matching(filter);
      const groups = [...new Set(found.map(({ group }) => group))];
      return groups
        .map((name) => groupOf(found.filter(({ group }) => group === name)))
        .sort((a, b) => b.count - a.count)
        .slice(0, filter.limit ?? 100);
    });
  }

  find(id: string): Promise<FoundDeadLetter | undefined> {
    return this.database.turn(() => {
      const letter = this.letters.get(id);
      if (!letter) return undefined;
      const { subscription, headers, lane, place } = letter;
      const heldBy = this.holding(lane).find((other) => other !== letter)?.id;
      const waiting = [...this.table.rows()].filter(
        (row) => row.lane === lane && row.place > place,
      ).length;
      return {
        ...letter,
        handledBefore: this.database.wasHandled(subscription, headers.id),
        waiting,
        ...(heldBy !== undefined && { heldBy }),
      };
    });
  }

  replay(id: string, by: Decision = UNNAMED_OPERATOR): Promise<boolean> {
    return this.database.within(undefined, (tx) => {
      const letter = this.letters.get(id);
      this.writeDown(tx, id, { ...by, action: 'replay', outcome: letter ? 'done' : 'gone' });
      if (letter) this.putBack(tx, letter);
      return letter !== undefined;
    });
  }

  /** Replays one as a part of a run, which notes only those that are there. */
  replayIn(tx: MemoryTx, id: string, by: Decision): Letter | undefined {
    const letter = this.letters.get(id);
    if (!letter) return undefined;
    this.writeDown(tx, id, { ...by, action: 'replay', outcome: 'done' });
    this.putBack(tx, letter);
    return letter;
  }

  edit(
    id: string,
    body: Buffer,
    { replay = false, edits, ...by }: Edit,
  ): Promise<'done' | 'gone' | 'edited meanwhile'> {
    return this.database.within(undefined, (tx) => {
      const letter = this.letters.get(id);
      const outcome = !letter
        ? 'gone'
        : edits !== undefined && edits !== letter.edits
          ? 'edited meanwhile'
          : 'done';
      this.writeDown(tx, id, {
        ...by,
        action: replay ? 'edit and replay' : 'edit',
        outcome,
        after: body,
      });
      if (outcome !== 'done') return outcome;
      const edited = { ...letter!, body: Buffer.from(body), edits: letter!.edits + 1 };
      this.letters.set(id, edited);
      tx.undo(() => this.letters.set(id, letter!));
      if (replay) this.putBack(tx, edited);
      return outcome;
    });
  }

  discard(id: string, by: Decision): Promise<boolean> {
    return this.database.within(undefined, (tx) => {
      const letter = this.letters.get(id);
      this.writeDown(tx, id, { ...by, action: 'discard', outcome: letter ? 'done' : 'gone' });
      if (!letter) return false;
      this.remove(tx, letter);
      this.database.handle(tx, letter.subscription, letter.headers.id ?? '');
      tx.committed(this.table.wake);
      return true;
    });
  }

  refused(
    id: string,
    entry: Decision & Pick<AuditEntry, 'action' | 'outcome' | 'after'>,
  ): Promise<void> {
    return this.database.within(undefined, (tx) => this.writeDown(tx, id, entry));
  }

  audit({ letter, who, limit = 100 }: AuditFilter = {}): Promise<readonly AuditEntry[]> {
    return this.database.turn(() =>
      this.entries
        .filter(
          (entry) =>
            (letter === undefined || entry.letter === letter) &&
            (who === undefined || entry.who === who),
        )
        .reverse()
        .slice(0, limit)
        .map(({ messageId, ...entry }) => ({ ...entry, ...this.becameOf(entry, messageId) })),
    );
  }

  all(): Iterable<Letter> {
    return this.letters.values();
  }

  /** The dead letters that block the lane, or any lane. */
  holding(lane?: string): readonly Letter[] {
    return [...this.letters.values()].filter(
      (letter) => letter.holds && (lane === undefined || letter.lane === lane),
    );
  }

  add(
    tx: MemoryTx,
    message: Pick<Row, 'subscription' | 'key' | 'headers' | 'body' | 'lane' | 'place'>,
    attempts: number,
    failure: Failure,
    hold: boolean,
  ): void {
    const { subscription, key, headers, body, lane, place } = message;
    const died = new Date(this.database.clock.now());
    const { group } = causeOf({ headers, failure });
    const letter: Letter = {
      id: String(++this.ids),
      subscription,
      key,
      headers,
      body,
      lane,
      place,
      attempts,
      failure,
      holds: hold && key !== undefined,
      died,
      edits: 0,
      group,
      relapses: this.replaysOf({ subscription, headers }),
    };
    this.letters.set(letter.id, letter);
    this.table.keep(letter);
    tx.undo(() => this.forget(letter));
    if (letter.holds) this.table.letPass(tx, lane);
  }

  private putBack(tx: MemoryTx, letter: Letter): void {
    const { subscription, key, headers, body, lane, place } = letter;
    this.remove(tx, letter);
    this.table.insert(tx, {
      subscription,
      key,
      headers,
      body,
      lane,
      place,
      attempt: 1,
      due: 0,
      busy: false,
    });
  }

  private remove(tx: MemoryTx, letter: Letter): void {
    this.forget(letter);
    tx.undo(() => {
      this.letters.set(letter.id, letter);
      this.table.keep(letter);
    });
  }

  private forget(letter: Letter): void {
    this.letters.delete(letter.id);
    this.table.letGo(letter);
  }

  private matching({
    subscription,
    contract,
    error,
    group,
    from,
    to,
    upTo,
  }: DeadLetterFilter): Letter[] {
    const inOrder = [...this.letters.values()].sort((a, b) => Number(a.id) - Number(b.id));
    return inOrder.filter(
      (letter) =>
        (subscription === undefined || letter.subscription === subscription) &&
        (contract === undefined || letter.headers.type === contract) &&
        (error === undefined || letter.failure.error === error) &&
        (group === undefined || letter.group === group) &&
        (from === undefined || letter.died >= from) &&
        (to === undefined || letter.died < to) &&
        (upTo === undefined || Number(letter.id) <= Number(upTo)),
    );
  }

  private replaysOf({ subscription, headers }: Pick<Row, 'subscription' | 'headers'>): number {
    return this.entries.filter(
      (entry) =>
        entry.action.endsWith('replay') &&
        entry.outcome === 'done' &&
        entry.subscription === subscription &&
        entry.messageId === headers.id,
    ).length;
  }

  writeDown(
    tx: MemoryTx,
    id: string,
    entry: Decision & Pick<AuditEntry, 'action' | 'outcome' | 'after' | 'subscription'>,
  ): void {
    const letter = this.letters.get(id);
    const known = letter && {
      subscription: letter.subscription,
      contract: letter.headers.type,
      headers: letter.headers,
      failure: letter.failure,
      before: letter.body,
    };
    const written = {
      ...entry,
      at: new Date(this.database.clock.now()),
      letter: id,
      messageId: letter?.headers.id,
      ...known,
    };
    this.entries.push(written);
    tx.undo(() => this.entries.splice(this.entries.indexOf(written), 1));
  }

  private becameOf(
    { action, outcome, subscription }: AuditEntry,
    messageId: string | undefined,
  ): Pick<AuditEntry, 'became'> {
    if (outcome !== 'done' || !action.endsWith('replay') || subscription === undefined) return {};
    const isIt = (kept: Pick<Row, 'subscription' | 'headers'>) =>
      kept.subscription === subscription && kept.headers.id === messageId;
    if ([...this.letters.values()].some(isIt)) return { became: 'dead again' };
    if ([...this.table.rows()].some(isIt)) return { became: 'waiting' };
    return this.database.wasHandled(subscription, messageId) ? { became: 'handled' } : {};
  }
}

function groupOf(letters: readonly Letter[]): DeadLetterGroup {
  const [first] = letters;
  const subscriptions = [...new Set(letters.map(({ subscription }) => subscription))].sort();
  return {
    ...causeOf(first!),
    count: letters.length,
    relapsed: letters.filter(({ relapses }) => relapses > 0).length,
    subscriptions,
    first: first!.died,
    last: letters.at(-1)!.died,
  };
}
