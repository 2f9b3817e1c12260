import {
  milliseconds,
  type Broadcast,
  type Call,
  type Command,
  type Contract,
  type Duration,
  type Event,
  type ItemOf,
  type MessageInput,
  type ReplyOf,
  type Stream,
} from '@parley/contract';
import type { CallClient } from '../calls/call-client';
import { InvalidMessageError, prepare, type Prepared } from '../message/codec';
import type { Envelopes } from '../message/envelope';
import { currentConversation } from '../message/handler-context';
import type { OutgoingMessage } from '../message/message';
import type { TraceContext } from '../message/trace';
import { describeError } from '../message/failure';
import type { Tracing } from '../ports/tracing';
import type { Publisher } from './publisher';
import { assertIdempotencyKey } from '../message/message-id';
import type { Transactions } from './transactions';

export interface SendOptions {
  /** Time to hold it back from its handler. */
  readonly delay?: Duration;
  /** Time after which it is not worth handling; more than 0. */
  readonly expires?: Duration;
  /**
   * Messages sent under the same key by the same service take effect once, as long as the owner's
   * inbox remembers the key.
   */
  readonly idempotencyKey?: string;
  /**
   * Keeps its place in the lane of its key, but does not wait for a dead letter there, nor for
   * messages that wait for one. For a command that undoes an earlier one, if the owner also handles
   * it correctly before that one: a replay of the dead letter comes after it. Default false.
   */
  readonly passDeadLetters?: boolean;
}

export interface CallOptions {
  /** Default: the contract's. */
  readonly deadline?: Duration;
  readonly signal?: AbortSignal;
  /**
   * A repeated call under the same key, by the same service, gets the first reply: for
   * IDEMPOTENCY_RETENTION_DAYS days. The owner must have a store. See docs/calls.md for the
   * guarantees when the owner ends in the middle of a call.
   */
  readonly idempotencyKey?: string;
  /**
   * 'batch': an owner with too much to do refuses it before those that somebody waits for. It
   * travels with all messages and calls that follow. Default: that of the message being handled,
   * else 'interactive'.
   */
  readonly priority?: 'interactive' | 'batch';
}

/** A stream has no idempotency key: it may always be asked for again. */
export type StreamOptions = Omit<CallOptions, 'idempotencyKey'>;

/** A call would hold the open transaction's locks over the network. */
export class CallInTransactionError extends Error {
  override readonly name = 'CallInTransactionError';
  constructor(contract: Contract) {
    super(
      `${contract.name} is called while a transaction is open; call first, then open it (or handle with { transaction: 'own' })`,
    );
  }
}

/** Only the owner may publish its events and broadcasts. */
export class NotOwnerError extends Error {
  override readonly name = 'NotOwnerError';
  constructor(contract: Contract, service: string) {
    super(
      `${contract.name} is for ${contract.owner} to ${contract.kind === 'event' ? 'publish' : 'broadcast'}, not for ${service}`,
    );
  }
}

/**
 * Sends messages: one method a kind. While a transaction is open, sent, published and broadcast
 * messages join it: they leave if and only if it commits. Otherwise the promise resolves with the
 * technology's confirm.
 */
export class Messenger {
  constructor(
    private readonly service: string,
    private readonly envelopes: Envelopes,
    private readonly transactions: Transactions,
    private readonly publisher: Publisher,
    private readonly caller: CallClient,
    private readonly tracing?: Tracing,
  ) {}

  /**
   * Calls one instance of the owner.
   * @throws CallError with a code of the contract's; DeadlineExceededError; OwnerUnavailableError;
   * InvalidMessageError for a wrong request; IdempotencyConflictError when the key stands for
   * another one
   */
  async call<C extends Call>(
    contract: C,
    request: MessageInput<C>,
    options: CallOptions = {},
  ): Promise<ReplyOf<C>> {
    if (this.transactions.isOpen()) throw new CallInTransactionError(contract);
    if (options.idempotencyKey !== undefined)
      assertIdempotencyKey(contract, options.idempotencyKey);
    const deadline = options.deadline === undefined ? undefined : milliseconds(options.deadline);
    return this.caller.call(contract, request, { ...options, deadline });
  }

  /**
   * Reads a stream from one instance of the owner, an item at a time; it is held back while nobody
   * reads. It is asked for with the first item, and ended by leaving the loop.
   * @throws in the loop, what `call` does; ReplyLostError when it broke off: ask for it again
   */
  stream<C extends Stream>(
    contract: C,
    request: MessageInput<C>,
    options: StreamOptions = {},
  ): AsyncIterableIterator<ItemOf<C>> {
    const deadline = options.deadline === undefined ? undefined : milliseconds(options.deadline);
    return this.caller.stream(contract, request, { ...options, deadline }, () => {
      if (this.transactions.isOpen()) throw new CallInTransactionError(contract);
    });
  }

  /**
   * Sends a command to its owner.
   * @throws InvalidMessageError, NoRouteError; without a transaction also NotStoredError,
   * UnconfirmedError, UnpublishableError
   */
  send<C extends Command>(
    contract: C,
    message: MessageInput<C>,
    options: SendOptions = {},
  ): Promise<void> {
    return this.dispatch(contract, message, options);
  }

  /** Broadcasts to the instances that are connected now. */
  broadcast<C extends Broadcast>(contract: C, message: MessageInput<C>): Promise<void> {
    return this.dispatch(contract, message);
  }

  /** Publishes an event into the log. */
  publish<C extends Event>(contract: C, message: MessageInput<C>): Promise<void> {
    return this.dispatch(contract, message);
  }

  /**
   * The same methods, without the open transaction: messages stay sent, also when the transaction
   * fails.
   */
  get outside(): Pick<Messenger, 'send' | 'broadcast' | 'publish'> {
    const outside =
      <A extends unknown[]>(verb: (...args: A) => Promise<void>) =>
      (...args: A) =>
        this.transactions.outside(() => verb.apply(this, args));
    return {
      send: outside(this.send) as Messenger['send'],
      broadcast: outside(this.broadcast) as Messenger['broadcast'],
      publish: outside(this.publish) as Messenger['publish'],
    };
  }

  private async dispatch(
    contract: Contract,
    payload: unknown,
    options: SendOptions = {},
  ): Promise<void> {
    this.refuse(contract);
    if (this.tracing) return this.traced(this.tracing, contract, payload, options);
    const message = this.written(contract, payload, options);
    if (!this.transactions.join(message)) await this.publisher.send(message);
  }

  /** Creation of a message as a span; its sending is another span. */
  private async traced(
    tracing: Tracing,
    contract: Contract,
    payload: unknown,
    options: SendOptions,
  ): Promise<void> {
    const { technology } = this.publisher.route(contract);
    const span = tracing.create(contract, technology);
    try {
      const message = this.written(contract, payload, options, span.context);
      span.wrote(message.envelope, message.body.length);
      if (!this.transactions.join(message)) await span.run(() => this.publisher.send(message));
      span.end();
    } catch (error) {
      span.end({ error: describeError(error).error });
      throw error;
    }
  }

  private written(
    contract: Contract,
    payload: unknown,
    options: SendOptions,
    trace?: TraceContext,
  ): OutgoingMessage {
    const prepared = prepare(contract.name, contract.payload, payload);
    const message = this.outgoing(contract, prepared, options, trace);
    this.publisher.assertSendable(message);
    return message;
  }

  /** Refuses an unsendable contract here, not at the commit. */
  private refuse(contract: Contract): void {
    this.publisher.route(contract);
    if (contract.kind !== 'command' && contract.owner !== this.service)
      throw new NotOwnerError(contract, this.service);
  }

  private outgoing(
    contract: Contract,
    { payload, body }: Prepared<unknown>,
    { delay, expires, idempotencyKey, passDeadLetters }: SendOptions,
    trace: TraceContext | undefined,
  ): OutgoingMessage {
    if (idempotencyKey !== undefined) assertIdempotencyKey(contract, idempotencyKey);
    const expiresAfter = expires === undefined ? leftOfCaller(contract) : milliseconds(expires);
    if (expiresAfter === 0)
      throw new InvalidMessageError(contract.name, [
        { path: 'expires', message: 'is nothing: it would never be handled' },
      ]);
    return {
      contract,
      envelope: this.envelopes.write(contract, payload, {
        idempotencyKey,
        passDeadLetters,
        expires: expiresAfter,
        trace,
      }),
      body,
      delay: delay === undefined ? undefined : milliseconds(delay),
    };
  }
}

/** Milliseconds until the caller gives up, for a command that is worth nothing then. */
function leftOfCaller(contract: Contract): number | undefined {
  if (contract.kind !== 'command' || !(contract as Command).expiresWithCaller) return undefined;
  const budget = currentConversation()?.deadline?.budget();
  return budget === undefined ? undefined : Math.max(1, Math.ceil(budget));
}
