import type { HandledMessage } from './otlp';
import type { SpanRow } from './rows';
import type { Batch } from './message-store';

/** The part of the store that the writer uses. */
export interface Written {
  readonly segments: {
    current(): Promise<number>;
    tend(): Promise<void>;
    complete(): Promise<void>;
  };
  write(segment: number, batch: Batch): Promise<void>;
}

export interface Figures {
  /** Handlings and spans that arrived, and of them those that were not kept. */
  readonly received: number;
  readonly dropped: number;
  /** Handlings that services dropped, because the console did not take them. */
  readonly droppedBySenders: number;
  /** Handlings and spans that wait to be written. */
  readonly waiting: number;
}

/** Rows that wait to be written: further ones are dropped. */
const MOST_WAITING = 20_000;
/** Characters of the bodies that wait. */
const MOST_CHARACTERS = 16 * 1_048_576;
/** Rows of each kind that are written at once. */
const AT_ONCE = 1_000;
const WRITE_EVERY_MS = 500;
const TEND_EVERY_MS = 10_000;
const AFTER_FAILURE_MS = 2_000;
/** Messages of the current part that are known to be in it. */
const MOST_KNOWN = 100_000;

type Log = (level: 'warn', message: string, details?: object) => void;

/**
 * Writes arriving rows in batches, beside the requests: a sender never waits for the database.
 * Waiting rows are bounded; those that do not fit are dropped and counted.
 */
export class MessageWriter {
  private handled: HandledMessage[] = [];
  private spans: SpanRow[] = [];
  private characters = 0;
  private readonly known = new Set<string>();
  private segment?: number;
  private tended = -Infinity;
  private readonly counts = { received: 0, dropped: 0, droppedBySenders: 0 };
  private writing?: Promise<void>;
  private completing?: Promise<void>;
  private timer?: NodeJS.Timeout;
  private pausedUntil = 0;

  constructor(
    private readonly store: Written,
    private readonly log: Log,
  ) {}

  start(): void {
    this.timer = setInterval(() => void this.flush(), WRITE_EVERY_MS).unref();
  }

  /** Writes what is left. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.writing;
    this.pausedUntil = 0;
    await this.flush();
    await this.completing;
  }

  get figures(): Figures {
    return { ...this.counts, waiting: this.waiting };
  }

  /** @returns how many of them are not kept */
  takeHandled(handled: readonly HandledMessage[], droppedBySenders = 0): number {
    this.counts.droppedBySenders += droppedBySenders;
    const taken = this.admit(handled);
    this.handled.push(...taken);
    this.characters += charactersIn(taken);
    return handled.length - taken.length;
  }

  /** @returns how many of them are not kept */
  takeSpans(spans: readonly SpanRow[]): number {
    const taken = this.admit(spans);
    this.spans.push(...taken);
    return spans.length - taken.length;
  }

  /** Writes all that waits, one batch after the other. */
  flush(): Promise<void> {
    this.writing ??= this.writeAll().finally(() => {
      this.writing = undefined;
    });
    return this.writing;
  }

  private get waiting(): number {
    return this.handled.length + this.spans.length;
  }

  private admit<T>(rows: readonly T[]): readonly T[] {
    this.counts.received += rows.length;
    const room = this.characters > MOST_CHARACTERS ? 0 : Math.max(0, MOST_WAITING - this.waiting);
    if (rows.length <= room) return rows;
    this.counts.dropped += rows.length - room;
    return rows.slice(0, room);
  }

  private async writeAll(): Promise<void> {
    if (performance.now() < this.pausedUntil) return;
    try {
      await this.tend();
      while (this.waiting > 0) await this.writeBatch();
    } catch (error) {
      this.pausedUntil = performance.now() + AFTER_FAILURE_MS;
      this.segment = undefined; // it may have been dropped
      this.log('warn', 'messages cannot be stored; they are kept for a while', { error });
    }
  }

  private async tend(): Promise<void> {
    const now = performance.now();
    const isDue = now - this.tended >= TEND_EVERY_MS;
    if (isDue) {
      await this.store.segments.tend();
      this.tended = now;
      this.complete();
    }
    if (!isDue && this.segment !== undefined) return;
    const current = await this.store.segments.current();
    if (current === this.segment) return;
    this.segment = current;
    this.known.clear(); // the new part has no message yet
  }

  /** Beside the writing; what fails is tried again the next time. */
  private complete(): void {
    this.completing ??= this.store.segments
      .complete()
      .catch((error: unknown) =>
        this.log('warn', 'indexes of messages cannot be made; searches are slower', { error }),
      )
      .finally(() => {
        this.completing = undefined;
      });
  }

  private async writeBatch(): Promise<void> {
    const handled = this.handled.splice(0, AT_ONCE);
    const spans = this.spans.splice(0, AT_ONCE);
    const messages = new Map(
      handled
        .filter(({ message }) => !this.known.has(message.id))
        .map(({ message }) => [message.id, message] as const),
    );
    try {
      await this.store.write(this.segment!, {
        messages: [...messages.values()],
        handlings: handled.map(({ handling }) => handling),
        spans,
      });
      if (this.known.size > MOST_KNOWN) this.known.clear();
      for (const id of messages.keys()) this.known.add(id);
    } catch (error) {
      if (!isRefused(error)) {
        this.handled.unshift(...handled);
        this.spans.unshift(...spans);
        throw error;
      }
      // The same rows would be refused again.
      this.counts.dropped += handled.length + spans.length;
      this.log('warn', 'PostgreSQL refuses messages; they are left out', { error });
    }
    this.characters -= charactersIn(handled);
  }
}

const charactersIn = (handled: readonly HandledMessage[]): number =>
  handled.reduce((sum, { message: { body } }) => sum + (body?.length ?? 0), 0);

/** Class 22, data exceptions: the fault of the rows. */
const isRefused = (error: unknown): boolean =>
  String((error as { code?: unknown }).code ?? '').startsWith('22');
