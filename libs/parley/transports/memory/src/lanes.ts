import {
  fingerprintOf,
  type Deliver,
  type Failure,
  type LaneRunner,
  type Lanes,
  type ParkedMessage,
  type Tx,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import { MemoryDeadLetters } from './dead-letters';
import { MemoryLaneRunner } from './lane-runner';
import type { MemoryStore, MemoryTx } from './store';

/** A message that waits in its lane. */
export interface Row extends ParkedMessage {
  readonly lane: string;
  /** Its place among the messages of its lane, dead ones included. */
  readonly place: number;
  readonly attempt: number;
  readonly due: number;
  readonly failure?: Failure;
  readonly busy: boolean;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Many messages may have no id, or the same wrong one: those are known by all there is of them. */
const whole = ({ headers, body }: Pick<ParkedMessage, 'headers' | 'body'>) =>
  UUID.test(headers.id ?? '')
    ? fingerprintOf(body)
    : fingerprintOf(`${JSON.stringify(headers)}\n${fingerprintOf(body)}`);

const keptAs = (subscription: string, messageId: string | undefined) =>
  `${subscription}\n${messageId}`;
/** A message without a key is alone in its lane. */
const laneOf = ({ subscription, key, headers }: ParkedMessage) =>
  JSON.stringify([subscription, key ?? null, key === undefined ? headers.id : null]);

export class MemoryLanes implements Lanes {
  /** Every message kept, parked or dead, by subscription and id. */
  private readonly kept = new Map<string, readonly string[]>();
  private readonly lanes = new Map<string, Row[]>();
  private readonly runners = new Set<MemoryLaneRunner>();
  private places = 0;
  readonly deadLetters: MemoryDeadLetters;

  constructor(readonly store: MemoryStore) {
    this.deadLetters = new MemoryDeadLetters(store, this);
  }

  park(
    tx: Tx | undefined,
    message: ParkedMessage,
    { after, failure }: { readonly after: number; readonly failure: Failure },
  ): Promise<void> {
    return this.store.within(tx, (tx) => {
      if (this.keepsThis(message)) return;
      this.insert(tx, {
        ...copy(message),
        lane: laneOf(message),
        place: this.atHead(message),
        attempt: 2,
        due: this.store.clock.elapsed() + after,
        failure,
        busy: false,
      });
    });
  }

  parkIfLaneBlocked(tx: Tx | undefined, message: ParkedMessage): Promise<boolean> {
    return this.store.within(tx, (tx) => {
      if (this.keepsThis(message)) return true;
      if (this.store.wasHandled(message.subscription, message.headers.id)) return false; // a duplicate: whoever handles it finds out
      const lane = laneOf(message);
      if (message.key === undefined || !this.isParked(lane)) return false;
      this.insert(tx, {
        ...copy(message),
        lane,
        place: ++this.places,
        attempt: 1,
        due: 0,
        busy: false,
      });
      return true;
    });
  }

  parked(subscription: string): Promise<ReadonlySet<string>> {
    return this.store.turn(() => {
      const keys = [...this.rows(), ...this.deadLetters.holding()]
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
    return this.store.within(tx, (tx) => {
      if (this.keepsThis(message)) return;
      this.deadLetters.add(
        tx,
        { ...copy(message), lane: laneOf(message), place: this.atHead(message) },
        1,
        failure,
        hold,
      );
    });
  }

  deliver(subscriptions: readonly RegisteredSubscription[], deliver: Deliver): LaneRunner {
    return new MemoryLaneRunner(this, subscriptions, deliver, this.runners);
  }

  countOf(subscription: string): { readonly parked: number; readonly dead: number } {
    const count = (all: Iterable<{ readonly subscription: string }>) =>
      [...all].filter((one) => one.subscription === subscription).length;
    return { parked: count(this.rows()), dead: count(this.deadLetters.all()) };
  }

  /**
   * Whether a message is parked or dead here; with this print, if given: another one may have come
   * under its id.
   */
  keeps(subscription: string, messageId: string | undefined, print?: string): boolean {
    const prints = this.kept.get(keptAs(subscription, messageId));
    return prints !== undefined && (print === undefined || prints.includes(print));
  }

  private keepsThis({ subscription, headers, body }: ParkedMessage): boolean {
    return this.keeps(subscription, headers.id, whole({ headers, body }));
  }

  keep({ subscription, headers, body }: Pick<Row, 'subscription' | 'headers' | 'body'>): void {
    const entry = keptAs(subscription, headers.id);
    this.kept.set(entry, [...(this.kept.get(entry) ?? []), whole({ headers, body })]);
  }

  letGo({ subscription, headers, body }: Pick<Row, 'subscription' | 'headers' | 'body'>): void {
    const entry = keptAs(subscription, headers.id);
    const prints = this.kept.get(entry) ?? [];
    const rest = prints.toSpliced(Math.max(0, prints.indexOf(whole({ headers, body }))), 1); // edited meanwhile: not there under its print
    if (rest.length > 0) this.kept.set(entry, rest);
    else this.kept.delete(entry);
  }

  /**
   * The first message of each lane that does not wait for a dead letter. For the runner, in its
   * turn.
   */
  heads(): readonly Row[] {
    return [...this.lanes.values()]
      .map(([head]) => head!)
      .filter((head) => !this.isHeld(head.lane));
  }

  *rows(): Iterable<Row> {
    for (const rows of this.lanes.values()) yield* rows;
  }

  unsettled(): readonly string[] {
    const now = this.store.clock.elapsed();
    const going = this.heads().filter(
      ({ busy, due, subscription }) =>
        busy || (due <= now && [...this.runners].some((runner) => runner.serves(subscription))),
    );
    return going.map(({ headers, subscription }) => `${headers.type} parked in ${subscription}`);
  }

  /** Replaces a row by a changed one; undefined when it is not there any more. */
  change(row: Row, changes: Partial<Row>): Row | undefined {
    const rows = this.lanes.get(row.lane);
    const at = rows?.indexOf(row) ?? -1;
    if (at < 0) return undefined;
    return (rows![at] = { ...row, ...changes });
  }

  isThere(row: Row): boolean {
    return this.lanes.get(row.lane)?.includes(row) ?? false;
  }

  remove(tx: MemoryTx, row: Row): void {
    this.take(row);
    tx.undo(() => this.put(row));
  }

  /** Lets every runner look again. */
  readonly wake = (): void => this.runners.forEach((runner) => runner.wake());

  insert(tx: MemoryTx, row: Row): void {
    this.put(row);
    tx.undo(() => this.take(row));
    tx.committed(this.wake);
  }

  private put(row: Row): void {
    const rows = this.lanes.get(row.lane) ?? [];
    this.lanes.set(
      row.lane,
      [...rows, row].sort((a, b) => a.place - b.place),
    );
    this.keep(row);
  }

  private take(row: Row): void {
    const rest =
      this.lanes
        .get(row.lane)
        ?.filter((other) => other.headers.id !== row.headers.id || other.place !== row.place) ?? [];
    if (rest.length > 0) this.lanes.set(row.lane, rest);
    else this.lanes.delete(row.lane);
    this.letGo(row);
  }

  /** Before whatever waits in its lane: it was delivered earlier than that. */
  private atHead(message: ParkedMessage): number {
    const head = this.lanes.get(laneOf(message))?.[0];
    return head ? head.place - 1 : ++this.places;
  }

  private isParked(lane: string): boolean {
    return this.lanes.has(lane) || this.isHeld(lane);
  }

  private isHeld(lane: string): boolean {
    return this.deadLetters.holding(lane).length > 0;
  }
}

const copy = ({ subscription, key, headers, body }: ParkedMessage): ParkedMessage => ({
  subscription,
  key,
  headers: { ...headers },
  body: Buffer.from(body),
});
