import { once } from 'node:events';
import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { prepareSession, withPatience } from '@parley/postgres';
import { sleep } from '@parley/resilience';
import { Database, type Environment, type Service } from '@parley/service';
import { CreateMessages1796040000000 } from '../migrations/1796040000000-create-messages';
import { MessageStore } from './message-store';
import { type Figures, MessageWriter } from './message-writer';
import type { HandledMessage } from './otlp';
import type { SpanRow } from './rows';
import { Segments, type Kept } from './segments';

/** There is nothing to search in; the message says why. */
export class NothingKeptError extends Error {
  override readonly name = 'NothingKeptError';
}

const AGAIN_AFTER_MS = 5_000;
/** Searches and the writer: the store never takes more connections. */
const AT_ONCE = 1;

const NO_DATABASE =
  'The console keeps no messages: it has no DATABASE_URL. Give it a database, or look at the traces of your own collector.';
const SWITCHED_OFF = 'The console keeps no messages: MESSAGES_KEPT_MB is 0.';

export interface KeeperSettings extends Pick<Environment, 'DATABASE_URL' | 'INSTANCE'> {
  /** Milliseconds. */
  readonly MESSAGES_KEPT: number;
  readonly MESSAGES_KEPT_MB: number;
}

/**
 * The store of messages beside the console: the console runs, and is ready, without it. A database
 * that is away is asked for again and again.
 */
export class MessageKeeper implements OnModuleInit, OnModuleDestroy {
  readonly kept: Kept;
  private store?: MessageStore;
  private writer?: MessageWriter;
  private database?: Database;
  private missing: string;
  private opening?: Promise<void>;
  private readonly stopping = new AbortController();

  constructor(
    private readonly settings: KeeperSettings,
    private readonly logger: Pick<Service['logger'], 'write'>,
  ) {
    this.kept = { time: settings.MESSAGES_KEPT, bytes: settings.MESSAGES_KEPT_MB * 1_048_576 };
    this.missing =
      settings.DATABASE_URL === undefined
        ? NO_DATABASE
        : this.kept.bytes === 0
          ? SWITCHED_OFF
          : 'The store of messages is being opened.';
  }

  /** The start does not wait for it. */
  onModuleInit(): void {
    this.opening = this.open();
  }

  onModuleDestroy(): Promise<void> {
    return this.close();
  }

  private get isOn(): boolean {
    return this.settings.DATABASE_URL !== undefined && this.kept.bytes > 0;
  }

  /** Opens the store, however long its database is away. */
  private async open(): Promise<void> {
    const { signal } = this.stopping;
    const stopped = once(signal, 'abort');
    while (this.isOn && !signal.aborted) {
      try {
        return await this.openOnce();
      } catch (error) {
        await this.database?.close();
        if (signal.aborted) return;
        this.missing = `The store of messages cannot be opened: ${(error as Error).message}`;
        this.logger.write('warn', this.missing);
        await Promise.race([sleep(AGAIN_AFTER_MS, { ref: false }), stopped]);
      }
    }
  }

  async close(): Promise<void> {
    this.stopping.abort();
    await this.writer?.stop();
    await this.database?.close();
    await this.opening;
  }

  /** @throws NothingKeptError */
  get messages(): MessageStore {
    if (!this.store) throw new NothingKeptError(this.missing);
    return this.store;
  }

  get figures(): Figures | undefined {
    return this.writer?.figures;
  }

  /** @returns how many of them are not kept */
  takeHandled(handled: readonly HandledMessage[], droppedBySenders: number): number {
    return this.writer ? this.writer.takeHandled(handled, droppedBySenders) : handled.length;
  }

  /** @returns how many of them are not kept */
  takeSpans(spans: readonly SpanRow[]): number {
    return this.writer ? this.writer.takeSpans(spans) : spans.length;
  }

  private async openOnce(): Promise<void> {
    const { DATABASE_URL: url = '', INSTANCE: instance } = this.settings;
    this.database = new Database({
      url,
      schema: 'console',
      instance,
      entities: [],
      migrations: [CreateMessages1796040000000],
      concurrency: AT_ONCE,
      log: this.logger.write,
      prepareSession,
      withPatience,
    });
    const dataSource = await this.database.open();
    if (this.stopping.signal.aborted) return this.database.close();
    this.store = new MessageStore(dataSource, new Segments(dataSource, this.kept));
    this.writer = new MessageWriter(this.store, this.logger.write);
    this.writer.start();
  }
}
