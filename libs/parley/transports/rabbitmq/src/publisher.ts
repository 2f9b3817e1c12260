import { ClientRMQ, type ReadPacket } from '@nestjs/microservices';
import {
  bugIn,
  headersOf,
  type OutgoingMessage,
  queueOf,
  sendInOrder,
  BodyTooLargeError,
  type TransportContext,
  untilUp,
  withTimeout,
  UnroutableError,
  PublishErrors,
} from '@parley/messaging/transport';
import type { AmqpConnectionManager } from 'amqp-connection-manager';
import type { ChannelModel, ConfirmChannel, Message, Options } from 'amqplib';
import { type Address, NotThereError, notYet, startFailure } from './address';
import { propertiesOf } from './cloudevents';
import { ConnectionLog, loggerWithoutConnections } from './connection-log';
import { CurrentChannel, reconnect } from './connections';
import { exchangeOf, exchanges } from './broadcast-exchange';
import { declare, laneOf, LONGEST_WAIT, rungOf } from './topology';

/**
 * Bytes of the largest body: RabbitMQ's `max_message_size` since 4.0; before, it was 128 MiB. The
 * broker closes the channel of a larger message, which would fail other messages, too.
 */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

const CONFIRMED_WITHIN_MS = 10_000;
const DECLARED_AGAIN_AFTER_MS = 1_000;
/**
 * Milliseconds in which messages are sent one by one after the broker closed the channel because of
 * one of them.
 */
const CAREFUL_FOR_MS = 30_000;
/** Reply code when the broker closes the channel because of a message's content. */
const PRECONDITION_FAILED = 406;

export const CONNECTION = {
  heartbeatIntervalInSeconds: 5,
  reconnectTimeInSeconds: 1,
  connectionOptions: { timeout: 5_000 },
};

/** A message to be sent to a queue. */
export interface OutgoingParcel {
  /** The exchange to publish to, instead of a queue. */
  readonly exchange?: string;
  readonly body: Buffer;
  readonly properties: Options.Publish;
}

/**
 * ClientRMQ that loses nothing: messages are persistent, and each is routed and confirmed, or
 * rejected. It publishes on the raw channel, because Nest's wrapper sends unconfirmed messages
 * again behind unsent ones after a reconnect.
 */
export class CommandPublisher extends ClientRMQ {
  private readonly channels = new CurrentChannel<ConfirmChannel>();
  /**
   * Ids of messages that the broker returned as unroutable; it returns a message before it confirms
   * it.
   */
  private readonly returned = new Set<string>();
  private declared = new Map<string, Promise<void>>();
  /** Ids of messages that were sent and are not confirmed. */
  private readonly unconfirmed = new Set<string>();
  private readonly guilty = new CulpritSearch();
  protected override readonly logger = loggerWithoutConnections(CommandPublisher.name);
  private readonly connectionLog: ConnectionLog;
  private readonly errors: PublishErrors;
  private closed = false;

  constructor(
    private readonly address: Address,
    private readonly log: TransportContext['log'],
    private readonly topology: TransportContext['topology'] = 'create',
  ) {
    super({ urls: [address.secret], socketOptions: CONNECTION });
    this.errors = new PublishErrors(`RabbitMQ at ${address}`);
    this.connectionLog = new ConnectionLog(
      `the connection that publishes to RabbitMQ at ${address}`,
      log,
    );
  }

  override async connect(): Promise<void> {
    try {
      await untilUp({
        broker: `RabbitMQ at ${this.address}`,
        attempt: () => this.connectOnce(),
        notYet,
        log: this.log,
        isGivenUp: () => this.closed,
      });
    } catch (error) {
      await this.close().catch(() => undefined);
      throw startFailure(this.address, error);
    }
  }

  override async close(): Promise<void> {
    this.closed = true;
    await super.close();
  }

  /**
   * Called for every new connection. Nest's version would declare a queue of its own and consume
   * replies that no call waits for.
   */
  override setupChannel(channel: ConfirmChannel, done: () => void): Promise<void> {
    this.declared = new Map();
    channel.on('return', (message: Message) =>
      this.returned.add(String(message.properties.messageId)),
    );
    channel.on('error', (error) => this.revive(channel, error));
    channel.once('close', () => this.channels.go(channel));
    this.channels.come(channel);
    this.connectionLog.back();
    done();
    return Promise.resolve();
  }

  /**
   * Publishes in order per key: one unconfirmed message at a time. Different keys, and messages
   * without a key, run in parallel.
   */
  publishInOrder(messages: readonly OutgoingMessage[]): Promise<void> {
    return sendInOrder(messages, (message) => this.sendOne(message));
  }

  /** Sends a parcel to a queue of the owner. Resolves when the broker has confirmed it. */
  async put(owner: string, queue: string, parcel: OutgoingParcel): Promise<void> {
    await this.ensure(owner, (connection) =>
      declare(connection, owner, this.address, this.topology),
    );
    try {
      await this.dispatchEvent({ pattern: queue, data: parcel });
    } catch (error) {
      if (error instanceof UnroutableError) this.declareAgainSoon(owner);
      throw error;
    }
  }

  /**
   * Sends a parcel to a queue where it waits for `milliseconds` before it moves to the owner's own
   * queue.
   */
  async putLater(
    owner: string,
    milliseconds: number,
    body: Buffer,
    properties: (remaining: number) => Options.Publish,
  ): Promise<void> {
    const wait = Math.min(Math.ceil(milliseconds), LONGEST_WAIT);
    const remaining = Math.ceil(milliseconds) - wait;
    await this.put(owner, rungOf(owner, wait), {
      body,
      properties: { ...properties(remaining), expiration: wait },
    });
  }

  /** Returns the broker's server properties. */
  async server(): Promise<Readonly<Record<string, unknown>>> {
    await this.open();
    const { connection } = this.manager.connection as ChannelModel;
    return connection.serverProperties as unknown as Readonly<Record<string, unknown>>;
  }

  protected override async dispatchEvent({
    pattern: queue,
    data,
  }: ReadPacket<OutgoingParcel>): Promise<void> {
    const unknown = (why: string) => this.errors.unconfirmed(queue, why);
    const send = async () => {
      const channel = await this.open();
      await withTimeout(CONFIRMED_WITHIN_MS, this.confirmed(channel, queue, data, unknown), () =>
        unknown(`no confirm within ${CONFIRMED_WITHIN_MS / 1_000} s`),
      );
    };
    await this.guilty.search(send);
  }

  private confirmed(
    channel: ConfirmChannel,
    queue: string,
    { exchange, body, properties }: OutgoingParcel,
    unknown: (why: string) => Error,
  ): Promise<void> {
    const id = String(properties.messageId);
    return new Promise<void>((resolve, reject) => {
      const answered = (error: unknown) => {
        if (this.returned.delete(id))
          reject(
            this.errors.unroutable(
              `queue ${queue}`,
              'it is declared again in a second, send it again then',
            ),
          );
        else if (!error) resolve();
        else if (this.guilty.verdict(channel, id))
          reject(this.errors.unacceptable(queue, this.guilty.verdict(channel, id)!));
        else if (this.channels.current === channel)
          reject(this.errors.notStored(queue, 'it is full or has no leader'));
        else reject(unknown('the connection was lost first'));
      };
      this.unconfirmed.add(id);
      try {
        channel.publish(
          exchange ?? '',
          exchange === undefined ? queue : '',
          body,
          properties,
          answered,
        );
      } catch (error) {
        // The channel was closed meanwhile, or the message cannot be encoded: nothing was sent.
        const { name, message } = error as Error;
        reject(
          name === 'IllegalOperationError'
            ? this.errors.notConnected()
            : this.errors.unacceptable(queue, message),
        );
      }
    }).finally(() => this.unconfirmed.delete(id));
  }

  private async sendOne(message: OutgoingMessage): Promise<void> {
    const { contract, body } = message;
    if (body.length > MAX_MESSAGE_BYTES)
      throw new BodyTooLargeError(contract.name, body.length, MAX_MESSAGE_BYTES, 'rabbitmq');
    return message.contract.kind === 'broadcast'
      ? this.sendBroadcast(message)
      : this.sendCommand(message);
  }

  /** Publishes a broadcast to its exchange; succeeds without a bound queue. */
  private async sendBroadcast({ contract, envelope, body }: OutgoingMessage): Promise<void> {
    const exchange = exchangeOf(contract.name);
    await this.ensure(exchange, (connection) =>
      exchanges(connection, [exchange], this.address, this.topology),
    );
    const properties = {
      ...propertiesOf(headersOf(envelope)),
      persistent: false,
      mandatory: false,
    };
    await this.dispatchEvent({ pattern: exchange, data: { exchange, body, properties } }).catch(
      (error: Error) => {
        // The broker closes the channel when the exchange is gone; the next connection declares it
        // again.
        this.declared.delete(exchange);
        throw error;
      },
    );
  }

  private sendCommand({ contract, envelope, body, delay = 0 }: OutgoingMessage): Promise<void> {
    const owner = queueOf(contract);
    const headers = headersOf(envelope);
    if (delay > 0)
      return this.putLater(owner, delay, body, (remaining) => propertiesOf(headers, { remaining }));
    const queue =
      envelope.partitionkey === undefined ? owner : laneOf(owner, envelope.partitionkey);
    return this.put(owner, queue, { body, properties: propertiesOf(headers) });
  }

  /**
   * Ensures that the owner's queues, or an exchange, exist, also before the owner ever ran. Checked
   * once per connection.
   */
  private ensure(what: string, make: (connection: ChannelModel) => Promise<void>): Promise<void> {
    const known = this.declared.get(what);
    if (known) return known;
    const declared = this.declared;
    const declaring = this.declareNow(what, make);
    declared.set(what, declaring);
    declaring.catch(() => declared.delete(what));
    return declaring;
  }

  private async declareNow(
    what: string,
    make: (connection: ChannelModel) => Promise<void>,
  ): Promise<void> {
    await this.open();
    const connection = this.manager.connection as ChannelModel;
    const late = () => new Error(`no answer within ${CONFIRMED_WITHIN_MS / 1_000} s`);
    await withTimeout(CONFIRMED_WITHIN_MS, make(connection), late).catch(
      (error: Error & { code?: number }) => {
        throw error.code === 406 || error instanceof NotThereError
          ? startFailure(this.address, error)
          : (bugIn(error) ?? this.errors.notStored(what, `not declared: ${error.message}`, error));
      },
    );
  }

  /**
   * Declares again after 1 s: RabbitMQ 3.10 delivers to lost consumers when a queue is declared
   * again before its consumers were told of the deletion.
   */
  private declareAgainSoon(owner: string): void {
    const { declared } = this;
    setTimeout(() => declared.delete(owner), DECLARED_AGAIN_AFTER_MS).unref();
  }

  /** Nest makes a new client after a failed attempt, which takes the listeners given before. */
  private connectOnce(): Promise<void> {
    this.on('disconnect', ({ err }: { readonly err?: Error } = {}) =>
      this.connectionLog.lost(err?.message),
    );
    return super.connect() as Promise<void>;
  }

  private async open(): Promise<ConfirmChannel> {
    if (!this.client) throw this.errors.notConnected();
    return withTimeout(CONFIRMED_WITHIN_MS, this.channels.arrival(), () =>
      this.errors.notConnected(),
    );
  }

  /** Reconnects: a closed channel stays closed as long as its connection lives. */
  private revive(channel: ConfirmChannel, error: Error & { readonly code?: number }): void {
    if (error.code === PRECONDITION_FAILED)
      this.guilty.accuse(channel, this.unconfirmed, error.message);
    this.log(
      'warn',
      `RabbitMQ at ${this.address} closed the publishing channel: ${error.message}; connecting anew`,
    );
    reconnect(this.manager);
  }

  private get manager(): AmqpConnectionManager {
    return this.client as AmqpConnectionManager;
  }
}

/**
 * Finds the message because of which the broker closed the channel. Of several unconfirmed messages
 * it is unknown which, so for a while they are sent one by one: the one that is alone when the
 * channel is closed again is the culprit.
 */
class CulpritSearch {
  private carefulUntil = -Infinity;
  private last: Promise<unknown> = Promise.resolve();
  private readonly verdicts = new WeakMap<
    ConfirmChannel,
    { readonly id: string; readonly why: string }
  >();

  accuse(channel: ConfirmChannel, suspects: ReadonlySet<string>, why: string): void {
    const [id] = suspects;
    if (id !== undefined && suspects.size === 1) this.verdicts.set(channel, { id, why });
    else this.carefulUntil = performance.now() + CAREFUL_FOR_MS;
  }

  /**
   * Returns the broker's reason against this message; undefined if there is none, or it is about
   * another message.
   */
  verdict(channel: ConfirmChannel, id: string): string | undefined {
    const found = this.verdicts.get(channel);
    return found?.id === id ? found.why : undefined;
  }

  search(send: () => Promise<void>): Promise<void> {
    if (performance.now() > this.carefulUntil) return send();
    const sent = this.last.then(send);
    this.last = sent.catch(() => undefined);
    return sent;
  }
}
