import type { Headers, TransportContext } from '@parley/messaging/transport';
import type { QueryResultRow } from 'pg';
import type { Caller, Statement } from '../connection/database';
import type { Partition } from './log-partition';
import { READ_AHEAD, unpackHeaders } from '../cloudevents';

/** An event read from the log. */
export interface LoggedEvent {
  readonly offset: number;
  readonly key: string;
  readonly headers: Headers;
  /** Null if it is too large to be prefetched. */
  readonly body: Buffer | null;
}

interface Row extends QueryResultRow {
  part: number;
  off: string;
  made: string | null;
  key: string;
  message: string | null;
  contract: string;
  headers: Buffer;
  body: Buffer | null;
}

const READ: Statement = {
  name: 'parley_read_events',
  text: `select part, off, to_char(made, 'YYYY-MM-DD') made, key, message, contract, headers, body from parley.read_events($1, $2, $3, $4::date[], $5, $6, $7)`,
};
const BODY: Statement = {
  name: 'parley_read_event_body',
  text: 'select parley.read_event_body($1, $2, $3) body',
};
/** Events that may wait in memory before reading pauses: of one partition, and of all together. */
const PARTITION_FULL = 64;
const ALL_FULL = 512;
const SCAN_WINDOW = { least: 32, most: 1024 };
const RETRY_AFTER_MS = 1_000;

/**
 * Reads its partitions whenever there may be something to read and memory allows, and passes on the
 * events of the subscribed contracts.
 */
export class LogReader {
  readonly partitions = new Map<number, Partition>();
  private busy = false;
  private reading?: Promise<void>;
  private span = SCAN_WINDOW.least;
  private stopped = false;
  private cancelRetry = () => {};
  /** Why reading fails at present. */
  problem?: string;

  constructor(
    private readonly name: string,
    /** The subscription's id; null for a live tail. */
    private readonly subscription: number | null,
    private readonly wanted: readonly string[],
    private readonly database: Caller,
    private readonly context: Pick<TransportContext, 'clock' | 'log'>,
    private readonly onEvent: (partition: Partition, event: LoggedEvent) => void,
    private readonly onRead: () => void = () => {},
  ) {}

  /**
   * Events of these contracts arrived in these partitions. Without arguments: any event may have
   * arrived in any partition.
   */
  hint(contracts?: readonly string[], parts?: readonly number[]): void {
    if (contracts && !contracts.some((contract) => this.wanted.includes(contract))) return;
    for (const partition of this.partitions.values())
      if (!parts || parts.includes(partition.part)) partition.dirty = true;
    this.pump();
  }

  /** Reads while there is something to read and room for it. */
  pump(): void {
    if (this.busy || this.stopped) return;
    this.busy = true;
    this.reading = this.readAll();
  }

  /**
   * Reads a body that was not prefetched. Returns undefined when the event is no longer in the log.
   */
  async fetch({ part }: Partition, { offset }: LoggedEvent): Promise<Buffer | undefined> {
    const [row] = await this.database.call<{ body: Buffer | null }>(BODY, [
      this.subscription,
      part,
      offset,
    ]);
    if (!row!.body)
      this.context.log(
        'warn',
        `${this.name}: an event was dropped from the log, being too old, before it was handled`,
        { partition: part, offset },
      );
    return row!.body ?? undefined;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelRetry();
    await this.reading;
  }

  private readable(): Partition[] {
    const held = [...this.partitions.values()];
    if (held.reduce((sum, { queued }) => sum + queued, 0) >= ALL_FULL) return [];
    return held.filter(
      ({ dirty, leaving, queued }) => dirty && !leaving && queued < PARTITION_FULL,
    );
  }

  private async readAll(): Promise<void> {
    for (let due = this.readable(); due.length > 0 && !this.stopped; due = this.readable()) {
      try {
        this.take(due, await this.read(due));
        this.problem = undefined;
      } catch (error) {
        this.later(due, error as Error);
        break;
      }
    }
    this.busy = false; // reset in the tick of the last check, or a hint in between is lost
  }

  private async read(due: readonly Partition[]): Promise<Row[]> {
    for (const partition of due) partition.dirty = false;
    const columns = [
      due.map(({ part }) => part),
      due.map(({ next }) => next),
      due.map(({ made }) => made),
    ];
    return this.database.call<Row>(READ, [
      this.subscription,
      ...columns,
      this.span,
      this.wanted,
      READ_AHEAD,
    ]);
  }

  private take(due: readonly Partition[], rows: readonly Row[]): void {
    const asked = new Map(due.map((partition) => [partition.part, partition]));
    for (const row of rows) {
      const partition = asked.get(row.part)!;
      if (this.partitions.get(row.part) !== partition || partition.leaving) continue;
      if (row.message === null) this.readOn(partition, Number(row.off), row.made!);
      else this.handOn(partition, row);
    }
    this.adapt(due.length, rows.length - due.length);
    this.onRead();
  }

  private readOn(partition: Partition, end: number, made: string): void {
    const passed = end - partition.next;
    if (passed > this.span) {
      const details = { partition: partition.part, missing: passed - this.span };
      this.context.log(
        'warn',
        `${this.name}: events were dropped from the log, being too old, before they were read`,
        details,
      );
    }
    if (passed >= this.span) partition.dirty = true;
    partition.next = end;
    partition.made = made;
  }

  private handOn(partition: Partition, row: Row): void {
    const offset = Number(row.off);
    if (partition.isHandled(offset)) return;
    partition.begin(offset);
    this.onEvent(partition, {
      offset,
      key: row.key,
      headers: unpackHeaders(row.headers, { id: row.message!, type: row.contract }),
      body: row.body,
    });
  }

  /** Widens the scan where few events match, and narrows it where many do. */
  private adapt(partitions: number, events: number): void {
    if (events < (partitions * this.span) / 8)
      this.span = Math.min(SCAN_WINDOW.most, this.span * 2);
    else if (events > ALL_FULL / 2) this.span = Math.max(SCAN_WINDOW.least, this.span / 2);
  }

  private later(due: readonly Partition[], error: Error): void {
    this.problem = error.message;
    for (const partition of due) partition.dirty = true;
    if (this.stopped) return;
    this.context.log('warn', `${this.name}: cannot read the event log; trying again`, { error });
    this.cancelRetry = this.context.clock.after(RETRY_AFTER_MS, () => this.pump());
  }
}
