import {
  headersOf,
  type Outbox,
  type OutboxExcept,
  type OutgoingMessage,
  type StoredMessage,
  type Tx,
} from '@parley/messaging/transport';
import type { ClientConfig } from 'pg';
import type { Database, Statement } from '../connection/database';
import { packHeaders, unpackHeaders } from '../cloudevents';
import { KIT_SETTINGS, openSession, type Settings } from '../connection/session';
import { statement } from './transaction';

/** Interval at which the relay checks its connection, and with it the lock. */
const BEAT_EVERY_MS = 5_000;
/** The server ends the session of a relay that sends no heartbeats, and so releases the lock. */
const RELAY_SETTINGS: Settings = { ...KIT_SETTINGS, idle_session_timeout: '20s' };

/** The outbox of a service, in its own database. */
export class PostgresOutbox implements Outbox {
  private readonly wakers = new Set<() => void>();
  private listening?: Promise<unknown>;
  private readonly channel: string;
  /** This process relays until the signal is aborted. */
  private leading?: AbortSignal;

  constructor(
    private readonly database: Database,
    private readonly config: ClientConfig,
    private readonly service: string,
  ) {
    this.channel = `parley_outbox_${service}`;
  }

  async add(tx: Tx, messages: readonly OutgoingMessage[]): Promise<void> {
    if (messages.length === 0) return;
    await statement(tx, ADD, [
      this.service,
      messages.map(({ contract }) => contract.name),
      messages.map(({ envelope }) => packHeaders(headersOf(envelope))),
      messages.map(({ body }) => body),
      messages.map(({ delay }) => (delay !== undefined && delay > 0 ? Math.ceil(delay) : null)),
    ]);
    this.added.add(tx);
  }

  /** Takes the relay's lock. It belongs to the session, so a process that dies releases it. */
  async lead(): Promise<{ readonly lost: AbortSignal; release(): Promise<void> } | undefined> {
    const lost = new AbortController();
    const lose = () =>
      lost.abort(
        new Error(
          `the outbox of ${this.service} is relayed by another instance now: its connection was lost`,
        ),
      );
    const config = { ...this.config, application_name: `parley relay of ${this.service}` };
    const client = await openSession(config, RELAY_SETTINGS, (client) =>
      client.on('error', lose).on('end', lose),
    );
    const beats = setInterval(() => client.query('select 1').catch(lose), BEAT_EVERY_MS).unref();
    const release = () => (clearInterval(beats), lose(), client.end().catch(() => undefined));
    try {
      const { rows } = await client.query<{ leads: boolean }>(
        `select pg_try_advisory_lock(hashtext('parley.outbox'), hashtext($1)) leads`,
        [this.service],
      );
      if (rows[0]!.leads) {
        this.leading = lost.signal;
        return { lost: lost.signal, release };
      }
      await release();
      return undefined;
    } catch (error) {
      await release();
      throw error;
    }
  }

  async due(
    limit: number,
    { ids, contracts }: OutboxExcept = { ids: [], contracts: [] },
  ): Promise<readonly StoredMessage[]> {
    const rows = await this.database.call<Row>(DUE, [this.service, limit, ids, contracts]);
    return rows.map(({ id, contract, headers, body }) => ({
      id,
      contract,
      headers: unpackHeaders(headers),
      body,
    }));
  }

  async remove(ids: readonly string[], tx?: Tx): Promise<void> {
    if (ids.length === 0) return;
    const values = [this.service, [...ids]];
    await (tx ? statement(tx, REMOVE, values) : this.database.call(REMOVE, values));
  }

  async state(): Promise<{
    readonly waiting: number;
    readonly oldestAge: number;
    readonly nextDue?: number;
  }> {
    const [row] = await this.database.call<{
      waiting: string;
      oldest_age: number;
      next_due: number | null;
    }>(STATE, [this.service]);
    return {
      waiting: Number(row!.waiting),
      oldestAge: Math.max(0, row!.oldest_age),
      nextDue: row!.next_due ?? undefined,
    };
  }

  onAdded(wake: () => void): void {
    this.wakers.add(wake);
    const received = () => this.wakers.forEach((waker) => waker());
    this.listening ??= this.database.listener
      .listen(this.channel, { receive: received, reconnected: received })
      .catch(() => (this.listening = undefined));
  }

  /** Open transactions that added messages. */
  private readonly added = new WeakSet<Tx>();

  /** Call after the commit. Notifies the relay, in this process or in another. */
  committed(tx: Tx): void {
    if (!this.added.delete(tx)) return;
    for (const wake of this.wakers) wake();
    if (this.leading?.aborted !== false) this.database.notifier.wake(this.channel);
  }
}

type Row = {
  readonly id: string;
  readonly contract: string;
  readonly headers: Buffer;
  readonly body: Buffer;
};

const ADD: Statement = {
  name: 'parley_add_to_outbox',
  text: 'select parley.add_to_outbox($1, $2, $3, $4, $5)',
};
const DUE: Statement = {
  name: 'parley_outbox_due',
  text: 'select * from parley.outbox_due($1, $2, $3, $4)',
};
const REMOVE: Statement = {
  name: 'parley_remove_from_outbox',
  text: 'select parley.remove_from_outbox($1, $2)',
};
const STATE: Statement = {
  name: 'parley_outbox_state',
  text: 'select * from parley.outbox_state($1)',
};
