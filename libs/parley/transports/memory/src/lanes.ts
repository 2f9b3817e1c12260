import type {
  Deliver,
  Failure,
  LaneRunner,
  Lanes,
  ParkedMessage,
  RegisteredSubscription,
  Tx,
} from '@parley/messaging/transport';
import type { MemoryDatabase } from './database';
import { MemoryDeadLetters } from './dead-letters';
import { MemoryLaneRunner, readyHeads } from './lane-runner';
import { copy, laneOf, LaneTable } from './lane-table';

export class MemoryLanes implements Lanes {
  private readonly table = new LaneTable();
  readonly deadLetters: MemoryDeadLetters;

  constructor(private readonly database: MemoryDatabase) {
    this.deadLetters = new MemoryDeadLetters(database, this.table);
  }

  park(
    tx: Tx | undefined,
    message: ParkedMessage,
    { after, failure }: { readonly after: number; readonly failure: Failure },
  ): Promise<void> {
    return this.database.within(tx, (tx) => {
      if (this.table.keepsThis(message)) return;
      this.table.insert(tx, {
        ...copy(message),
        lane: laneOf(message),
        place: this.table.atHead(message),
        attempt: 2,
        due: this.database.clock.elapsed() + after,
        failure,
        busy: false,
      });
    });
  }

  parkIfLaneBlocked(tx: Tx | undefined, message: ParkedMessage): Promise<boolean> {
    return this.database.within(tx, (tx) => {
      if (this.table.keepsThis(message)) return true;
      if (this.database.wasHandled(message.subscription, message.headers.id)) return false; // a duplicate: its handling finds out
      if (!this.isBlocked(message)) return false;
      this.table.insert(tx, {
        ...copy(message),
        lane: laneOf(message),
        place: this.table.atEnd(),
        attempt: 1,
        due: 0,
        busy: false,
      });
      return true;
    });
  }

  isAnyBlocked(tx: Tx, messages: readonly ParkedMessage[]): Promise<boolean> {
    return this.database.within(tx, () =>
      messages.some((message) => this.table.keepsThis(message) || this.isBlocked(message)),
    );
  }

  parked(subscription: string): Promise<ReadonlySet<string>> {
    return this.database.turn(() => {
      const keys = [...this.table.rows(), ...this.deadLetters.holding()]
        .filter((kept) => kept.subscription === subscription)
        .map(({ key }) => key);
      return new Set(keys.filter((key) => key !== undefined));
    });
  }

  deadLetter(
    tx: Tx | undefined,
    message: ParkedMessage,
    failure: Failure,
    hold: boolean,
  ): Promise<void> {
    return this.database.within(tx, (tx) => {
      if (this.table.keepsThis(message)) return;
      this.deadLetters.add(
        tx,
        { ...copy(message), lane: laneOf(message), place: this.table.atHead(message) },
        1,
        failure,
        hold,
      );
    });
  }

  deliver(subscriptions: readonly RegisteredSubscription[], deliver: Deliver): LaneRunner {
    return new MemoryLaneRunner(
      this.database,
      this.table,
      this.deadLetters,
      subscriptions,
      deliver,
    );
  }

  /** @see LaneTable.keeps */
  keeps(subscription: string, messageId: string | undefined, print?: string): boolean {
    return this.table.keeps(subscription, messageId, print);
  }

  private isBlocked(message: ParkedMessage): boolean {
    if (message.key === undefined) return false;
    const lane = laneOf(message);
    if (this.deadLetters.holding(lane).length > 0) return !message.passesDeadLetters;
    return this.table.has(lane);
  }

  unsettled(): readonly string[] {
    const now = this.database.clock.elapsed();
    const going = readyHeads(this.table, this.deadLetters).filter(
      ({ busy, due, subscription }) =>
        busy ||
        (due <= now && [...this.table.runners].some((runner) => runner.serves(subscription))),
    );
    return going.map(({ headers, subscription }) => `${headers.type} parked in ${subscription}`);
  }
}
