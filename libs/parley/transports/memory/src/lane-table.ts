import { fingerprintOf, type Failure, type ParkedMessage } from '@parley/messaging/transport';
import type { MemoryTx } from './database';

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

/**
 * Fingerprint of a message: of its body, or, without a valid id, of headers and body: many messages
 * may have no id, or the same wrong one.
 */
const whole = ({ headers, body }: Pick<ParkedMessage, 'headers' | 'body'>) =>
  UUID.test(headers.id ?? '')
    ? fingerprintOf(body)
    : fingerprintOf(`${JSON.stringify(headers)}\n${fingerprintOf(body)}`);

const keptAs = (subscription: string, messageId: string | undefined) =>
  `${subscription}\n${messageId}`;
/** A message without a key is alone in its lane. */
export const laneOf = ({ subscription, key, headers }: ParkedMessage) =>
  JSON.stringify([subscription, key ?? null, key === undefined ? headers.id : null]);

/** A runner that delivers the messages of lanes. */
interface Runner {
  wake(): void;
  serves(subscription: string): boolean;
}

/** The table of parked messages, and the ids of all that are parked or dead. */
export class LaneTable {
  /** Fingerprints of every message kept, parked or dead, by subscription and id. */
  private readonly kept = new Map<string, readonly string[]>();
  private readonly lanes = new Map<string, Row[]>();
  readonly runners = new Set<Runner>();
  private places = 0;

  has(lane: string): boolean {
    return this.lanes.has(lane);
  }

  /** The first message of each lane. */
  heads(): readonly Row[] {
    return [...this.lanes.values()].map(([head]) => head!);
  }

  *rows(): Iterable<Row> {
    for (const rows of this.lanes.values()) yield* rows;
  }

  /**
   * True when a message is parked or dead here; with this fingerprint, if given: another message
   * may have the same id.
   */
  keeps(subscription: string, messageId: string | undefined, print?: string): boolean {
    const prints = this.kept.get(keptAs(subscription, messageId));
    return prints !== undefined && (print === undefined || prints.includes(print));
  }

  keepsThis({ subscription, headers, body }: ParkedMessage): boolean {
    return this.keeps(subscription, headers.id, whole({ headers, body }));
  }

  keep({ subscription, headers, body }: Pick<Row, 'subscription' | 'headers' | 'body'>): void {
    const entry = keptAs(subscription, headers.id);
    this.kept.set(entry, [...(this.kept.get(entry) ?? []), whole({ headers, body })]);
  }

  letGo({ subscription, headers, body }: Pick<Row, 'subscription' | 'headers' | 'body'>): void {
    const entry = keptAs(subscription, headers.id);
    const prints = this.kept.get(entry) ?? [];
    const rest = prints.toSpliced(Math.max(0, prints.indexOf(whole({ headers, body }))), 1); // an edited message has another print
    if (rest.length > 0) this.kept.set(entry, rest);
    else this.kept.delete(entry);
  }

  /** Replaces a row by a changed one. Returns undefined when the row is gone. */
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

  /** Lets every runner check its lanes again. */
  readonly wake = (): void => this.runners.forEach((runner) => runner.wake());

  insert(tx: MemoryTx, row: Row): void {
    this.put(row);
    tx.undo(() => this.take(row));
    tx.committed(this.wake);
  }

  /** Moves the messages that do not wait for a dead letter into lanes of their own. */
  letPass(tx: MemoryTx, lane: string): void {
    const passing = (this.lanes.get(lane) ?? []).filter(
      ({ headers }) => headers.passdeadletters === 'true',
    );
    for (const row of passing) {
      const alone = { ...row, key: undefined };
      this.remove(tx, row);
      this.insert(tx, { ...alone, lane: laneOf(alone), due: 0 });
    }
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

  /**
   * The place before all parked messages of the lane: the message was delivered earlier than them.
   */
  atHead(message: ParkedMessage): number {
    const head = this.lanes.get(laneOf(message))?.[0];
    return head ? head.place - 1 : ++this.places;
  }

  /** The place behind all kept messages. */
  atEnd(): number {
    return ++this.places;
  }
}

export const copy = ({ subscription, key, headers, body }: ParkedMessage): ParkedMessage => ({
  subscription,
  key,
  headers: { ...headers },
  body: Buffer.from(body),
});
