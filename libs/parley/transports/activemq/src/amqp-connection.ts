import { type TransportContext, untilUp, withTimeout } from '@parley/messaging/transport';
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import rhea, { type Connection } from 'rhea';
import { type Address, notYet, startFailure } from './address';

const OPENED_WITHIN_MS = 5_000;
const AGAIN_AFTER_MS = 1_000;
const CLOSED_WITHIN_MS = 1_000;
/**
 * Milliseconds of silence that the broker may allow itself; after twice as many its connection
 * counts as lost.
 */
const SILENCE_MS = 5_000;
/**
 * Unsettled deliveries of a session at most. rhea settles them in the order of arrival: the limit
 * must leave room for the deliveries behind a long handling.
 */
export const UNSETTLED_AT_MOST = 65_536;

export interface ConnectionEvents {
  /** Told of what a start waits for. */
  readonly log?: TransportContext['log'];
  /**
   * Called for every new connection. When it rejects, the connection is given up and another one
   * opened.
   */
  readonly opened?: (connection: Connection) => Promise<void>;
  /**
   * Called when a connection is gone, on either side's wish, and after every failed attempt to
   * reconnect.
   */
  readonly lost?: (why: Error) => void;
}

interface Dialled {
  readonly connection: Connection;
  /** Resolves when the connection is gone. */
  readonly gone: Promise<Error>;
}

/**
 * A connection to the broker that is opened anew whenever it is gone, for ever. rhea's own way back
 * would keep links that the broker forgot.
 */
export class AmqpConnection {
  current?: Connection;
  private ended = false;
  private waiting: Array<(connection: Connection) => void> = [];

  constructor(
    private readonly address: Address,
    private readonly name: string,
    private readonly on: ConnectionEvents = {},
  ) {}

  /**
   * Waits for a broker that is coming up. Rejects within 15 s, with one sentence, when there is no
   * connection to be had; then nothing more is tried.
   */
  async start(): Promise<void> {
    try {
      const first = await untilUp({
        broker: `ActiveMQ at ${this.address}`,
        attempt: () => this.establish(),
        notYet,
        log: this.on.log ?? (() => undefined),
        isGivenUp: () => this.ended,
      });
      void this.keep(first);
    } catch (error) {
      await this.close();
      throw startFailure(this.address, error);
    }
  }

  /** The connection that is there, or the next one. */
  arrival(): Promise<Connection> {
    return this.current
      ? Promise.resolve(this.current)
      : new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Gives this connection up and opens another one. */
  renew(connection: Connection): void {
    hangUp(connection);
  }

  async close(): Promise<void> {
    this.ended = true;
    const { current } = this;
    if (!current) return;
    const gone = new Promise<void>((resolve) => socketOf(current).once('close', () => resolve()));
    current.close();
    await withTimeout(CLOSED_WITHIN_MS, gone, () => new Error('no answer')).catch(() =>
      hangUp(current),
    );
  }

  private async establish(): Promise<Dialled> {
    const dialled = await dial(this.address, this.name);
    const { connection, gone } = dialled;
    try {
      if (this.ended) throw new Error('not wanted any more');
      await Promise.race([this.on.opened?.(connection), gone.then((why) => Promise.reject(why))]);
    } catch (error) {
      hangUp(connection);
      throw error;
    }
    this.current = connection;
    for (const resolve of this.waiting.splice(0)) resolve(connection);
    return dialled;
  }

  private async keep(first: Dialled): Promise<void> {
    for (let dialled: Dialled | undefined = first; dialled; dialled = await this.again()) {
      const why = await dialled.gone;
      this.current = undefined;
      this.on.lost?.(why);
    }
  }

  private async again(): Promise<Dialled | undefined> {
    while (!this.ended) {
      await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS).unref());
      if (this.ended) return undefined;
      try {
        return await this.establish();
      } catch (error) {
        this.on.lost?.(startFailure(this.address, error));
      }
    }
    return undefined;
  }
}

/** Opens a connection. */
function dial(address: Address, name: string): Promise<Dialled> {
  const connection = connectionTo(address, name);
  let cause: Error | undefined;
  const note = (error?: Error) => (cause ??= error);
  for (const event of [
    'connection_error',
    'connection_close',
    'disconnected',
    'session_error',
    'session_close',
  ])
    connection.on(event, (context?: { error?: Error }) => note(context?.error));
  for (const event of ['protocol_error', 'error']) connection.on(event, note);
  connection.connect();
  const gone = new Promise<Error>((resolve) => {
    socketOf(connection).once('close', () => {
      // rhea waits for 'end' and 'error' only, and would go on writing heartbeats.
      connection._disconnected();
      resolve(cause ?? new Error('the connection was closed'));
    });
  });
  const opened = new Promise<Dialled>((resolve, reject) => {
    connection.once('connection_open', () => {
      // The reason follows, with which the broker closes it.
      if (connection.properties?.['amqp:connection-establishment-failed']) return;
      if (isArtemis(connection)) return resolve({ connection, gone });
      note(new Error('not ActiveMQ'));
      hangUp(connection);
    });
    void gone.then((why) => reject(cause ? why : new Error('it was closed at once')));
  });
  return withTimeout(
    OPENED_WITHIN_MS,
    opened,
    () => (hangUp(connection), new Error(`no answer within ${OPENED_WITHIN_MS / 1_000} s`)),
  );
}

function connectionTo(address: Address, name: string): Connection {
  const container = rhea.create_container({ id: `${name}-${randomUUID().slice(0, 8)}` });
  return container.create_connection({
    ...address.options,
    reconnect: false,
    idle_time_out: SILENCE_MS,
    session_buffer_size: UNSETTLED_AT_MOST,
    tcp_no_delay: true,
  } as never);
}

const isArtemis = ({ properties }: Connection): boolean =>
  /artemis/.test(String(properties?.product));
const socketOf = (connection: Connection): Socket => connection.socket as Socket;
const hangUp = (connection: Connection): void => void socketOf(connection).destroy();
