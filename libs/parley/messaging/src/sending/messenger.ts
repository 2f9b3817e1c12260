import {
  milliseconds,
  type Broadcast,
  type Call,
  type Command,
  type Contract,
  type Duration,
  type Event,
  type MessageInput,
  type ReplyOf,
} from '@parley/contract';
import type { CallClient } from '../calls/call-client';
import { InvalidMessageError, prepare, type Prepared } from '../message/codec';
import type { Envelopes } from '../message/envelope';
import type { OutgoingMessage } from '../message/message';
import type { Publisher } from './publisher';
import { assertIdempotencyKey } from '../message/message-id';
import type { Transactions } from './transactions';

export interface SendOptions {
  /** Hold it back from its handler for so long. */
  readonly delay?: Duration;
  /** After so long it is not worth handling any more: more than nothing. */
  readonly expires?: Duration;
  /**
   * Said again under the same key, by the same service, it takes effect once: for as long as the
   * owner's inbox remembers.
   */
  readonly idempotencyKey?: string;
  /**
   * Not in the lane of its key: it waits behind nothing of it, not even behind a dead letter, and
   * nothing waits behind it. For what undoes an earlier command whose owner also understands it
   * before that one. Default false.
   */
  readonly outOfTurn?: boolean;
}

export interface CallOptions {
  /** Default: the contract's. */
  readonly deadline?: Duration;
  readonly signal?: AbortSignal;
  /**
   * Asked again under the same key, by the same service, the first answer is given: for
   * REQUEST_DAYS days. The owner must have a store. See docs/calls.md for what is promised when it
   * dies in the middle.
   */
  readonly idempotencyKey?: string;
}

/** A call would hold the open transaction's locks over the network. */
export class CallInTransactionError extends Error {
  override readonly name = 'CallInTransactionError';
  constructor(contract: Contract) {
    super(
      `${contract.name} is called while a transaction is open; call first, then open it (or handle with { transaction: 'own' })`,
    );
  }
}

/** Facts and news are the owner's to tell. */
export class NotOwnerError extends Error {
  override readonly name = 'NotOwnerError';
  constructor(contract: Contract, service: string) {
    super(
      `${contract.name} is for ${contract.owner} to ${contract.kind === 'event' ? 'publish' : 'broadcast'}, not for ${service}`,
    );
  }
}

/**
 * Says things: one verb a kind. While a transaction is open, what is sent, published or broadcast
 * joins it by itself: it is said if and only if the transaction commits. Otherwise the promise
 * resolves with the technology's confirm.
 */
export class Messenger {
  constructor(
    private readonly service: string,
    private readonly envelopes: Envelopes,
    private readonly transactions: Transactions,
    private readonly publisher: Publisher,
    private readonly caller: CallClient,
  ) {}

  /**
   * Asks one instance of the owner.
   * @throws CallError with a code of the contract's; DeadlineExceeded; OwnerUnavailableError;
   * InvalidMessageError for a wrong request; IdempotencyConflictError when the key stands for another one
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
   * Orders the owner to do something. @throws InvalidMessageError, NoRouteError; without a transaction also
   * what the technology refuses
   */
  send<C extends Command>(
    contract: C,
    message: MessageInput<C>,
    options: SendOptions = {},
  ): Promise<void> {
    return this.say(contract, message, options);
  }

  /** Tells whoever listens now. */
  broadcast<C extends Broadcast>(contract: C, message: MessageInput<C>): Promise<void> {
    return this.say(contract, message);
  }

  /** Writes a fact into the log. */
  publish<C extends Event>(contract: C, message: MessageInput<C>): Promise<void> {
    return this.say(contract, message);
  }

  /**
   * The same verbs, without the open transaction: what is said stays said, also when the
   * transaction fails.
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

  private async say(
    contract: Contract,
    payload: unknown,
    options: SendOptions = {},
  ): Promise<void> {
    this.refuse(contract);
    const message = this.outgoing(
      contract,
      prepare(contract.name, contract.payload, payload),
      options,
    );
    this.publisher.foresee(message);
    if (!this.transactions.join(message)) await this.publisher.say(message);
  }

  /** What cannot be said is refused here, not at the commit. */
  private refuse(contract: Contract): void {
    this.publisher.route(contract);
    if (contract.kind !== 'command' && contract.owner !== this.service)
      throw new NotOwnerError(contract, this.service);
  }

  private outgoing(
    contract: Contract,
    { payload, body }: Prepared<unknown>,
    { delay, expires, idempotencyKey, outOfTurn }: SendOptions,
  ): OutgoingMessage {
    if (idempotencyKey !== undefined) assertIdempotencyKey(contract, idempotencyKey);
    const expiresAfter = expires === undefined ? undefined : milliseconds(expires);
    if (expiresAfter === 0)
      throw new InvalidMessageError(contract.name, [
        { path: 'expires', message: 'is nothing: it would never be handled' },
      ]);
    return {
      contract,
      envelope: this.envelopes.write(contract, payload, {
        idempotencyKey,
        outOfTurn,
        expires: expiresAfter,
      }),
      body,
      delay: delay === undefined ? undefined : milliseconds(delay),
    };
  }
}
