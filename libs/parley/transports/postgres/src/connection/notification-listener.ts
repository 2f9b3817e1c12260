import type { Client, ClientConfig } from 'pg';
import type { TransportContext } from '@parley/messaging/transport';
import { KIT_SETTINGS, openSession } from './session';

/** Receives the notifications of a channel. */
export interface Listener {
  /**
   * Called for every notification. Only a hint: notifications sent while the connection was down
   * are lost.
   */
  readonly receive: (payload: string) => void;
  /** Called after a reconnect: notifications sent meanwhile are lost. */
  readonly reconnected?: () => void;
}

const PING_EVERY_MS = 10_000;
const PING_TIMEOUT_MS = 5_000;
const RECONNECT_AFTER = [50, 250, 1_000, 3_000];

/**
 * The one connection of a process that LISTENs, for all its channels. Reconnects for ever, listens
 * to every channel again, then calls `reconnected` of each listener. A ping every 10 s finds a
 * connection that died silently.
 */
export class NotificationListener {
  private readonly listeners = new Map<string, Set<Listener>>();
  private client?: Client;
  private opening?: Promise<void>;
  private telling: Promise<unknown> = Promise.resolve();
  private cancelTimer = () => {};
  private failures = 0;
  private closed = false;

  constructor(
    private readonly config: ClientConfig,
    private readonly context: Pick<TransportContext, 'clock' | 'log'>,
  ) {}

  get connected(): boolean {
    return this.client !== undefined;
  }

  /** Resolves when the channel is listened to; the returned function ends it. */
  async listen(channel: string, listener: Listener): Promise<() => Promise<void>> {
    const known = this.listeners.get(channel);
    if (known) known.add(listener);
    else this.listeners.set(channel, new Set([listener]));
    await (this.opening ??= this.open());
    await this.tell(`listen ${quoted(channel)}`);
    return () => this.leave(channel, listener);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.cancelTimer();
    await this.opening?.catch(() => {});
    const client = this.client;
    this.client = undefined;
    await client?.end().catch(() => {});
  }

  private async leave(channel: string, listener: Listener): Promise<void> {
    const left = this.listeners.get(channel);
    left?.delete(listener);
    if (left?.size !== 0) return;
    this.listeners.delete(channel);
    await this.tell(`unlisten ${quoted(channel)}`).catch(() => {});
  }

  /** Statements run one at a time: many callers start to listen at once. */
  private tell(sql: string): Promise<unknown> {
    return (this.telling = this.telling.catch(() => {}).then(() => this.client?.query(sql)));
  }

  private async open(): Promise<void> {
    const client = await this.connect().catch((error: unknown) => {
      if (this.failures === 0) this.opening = undefined;
      throw error;
    });
    this.client = client;
    if (this.closed) return void (await client.end());
    this.failures = 0;
    this.ping(client);
  }

  private async connect(): Promise<Client> {
    const client = await openSession(
      { ...this.config, application_name: 'parley notifications' },
      KIT_SETTINGS,
      (client) => {
        client.on('error', () => this.lost(client));
        client.on('end', () => this.lost(client));
        client.on('notification', ({ channel, payload }) => this.received(channel, payload ?? ''));
      },
    );
    try {
      for (const channel of this.listeners.keys()) await client.query(`listen ${quoted(channel)}`);
      return client;
    } catch (error) {
      client.end().catch(() => {});
      throw error;
    }
  }

  private received(channel: string, payload: string): void {
    for (const listener of this.listeners.get(channel) ?? []) listener.receive(payload);
  }

  private ping(client: Client): void {
    this.cancelTimer = this.context.clock.after(PING_EVERY_MS, () => {
      const cancel = this.context.clock.after(PING_TIMEOUT_MS, () => this.lost(client));
      client.query('select').then(
        () => {
          cancel();
          if (this.client === client) this.ping(client);
        },
        () => cancel(),
      );
    });
  }

  private lost(client: Client): void {
    if (this.closed || this.client !== client) return;
    this.client = undefined;
    this.cancelTimer();
    client.end().catch(() => {});
    this.context.log('warn', 'postgres: the listening connection is lost; reconnecting');
    this.reconnect();
  }

  private reconnect(): void {
    const wait = RECONNECT_AFTER[Math.min(this.failures++, RECONNECT_AFTER.length - 1)]!;
    this.cancelTimer = this.context.clock.after(wait, () => {
      this.opening = this.open();
      this.opening.then(
        () => this.again(),
        () => !this.closed && this.reconnect(),
      );
    });
  }

  private again(): void {
    this.context.log('info', 'postgres: listening again');
    for (const listener of [...this.listeners.values()].flatMap((set) => [...set]))
      listener.reconnected?.();
  }
}

const quoted = (channel: string): string => `"${channel.replaceAll('"', '""')}"`;
