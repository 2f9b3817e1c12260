import type { Question } from '@parley/contract';
import type { CallResult } from './call-transport';
import { LeaseLostError } from '../message/failure';
import type { Envelope } from '../message/message';
import type { Tx } from './tx';
import { fingerprintOf } from '../message/message-id';

/** A call under an idempotency key, as the store of replies knows it. */
export interface KeyedRequest {
  /** Made of the caller's service, the contract and the key. */
  readonly scope: string;
  /** Made of the request: another request under the same key is refused. */
  readonly print: string;
}

/** Permission to handle one call. It ends when another instance takes it over after the lease. */
export interface IdempotencyLock extends KeyedRequest {
  readonly token: string;
}

/**
 * Replies to calls with an idempotency key, in the database of the service that answers them. They
 * are kept for `IDEMPOTENCY_RETENTION_DAYS` days; a call under an older key is handled as new.
 */
export interface IdempotencyStore {
  /**
   * `ours`: handle it; no other instance does for `lease` milliseconds. `busy`: another one handles
   * it, ask again soon. `done`: the reply is known. `conflict`: the key stands for another request.
   */
  begin(request: KeyedRequest, lease: number): Promise<IdempotencyState>;
  /**
   * Stores the reply; in `tx`, if given, as its last statement. Rejects with LeaseLostError when
   * another instance has taken the lock over.
   */
  complete(tx: Tx | undefined, claim: IdempotencyLock, answer: CallResult): Promise<void>;
  /** The call could not be answered: the next one under the key is handled. */
  release(claim: IdempotencyLock): Promise<void>;
}

export type IdempotencyState =
  | { readonly state: 'ours'; readonly claim: IdempotencyLock }
  | { readonly state: 'busy' | 'conflict' }
  | { readonly state: 'done'; readonly answer: CallResult };

/** Days for which replies are kept, and the inbox's ids of messages, too. */
export const IDEMPOTENCY_RETENTION_DAYS = 7;

/**
 * The caller's key was used for another request before: this request was not handled, and never
 * will be.
 */
export class IdempotencyConflictError extends Error {
  override readonly name = 'IdempotencyConflictError';
  constructor(contract: Question, key: string) {
    super(
      `${contract.name}: the idempotency key "${key.slice(0, 50)}" was used for another request; repeat that one, or take a new key`,
    );
  }
}

export const keyedRequest = (
  { source, type, idempotencykey }: Envelope,
  body: Buffer,
): KeyedRequest => ({
  scope: fingerprintOf(JSON.stringify([source, type, idempotencykey])),
  print: fingerprintOf(body),
});

export const lockLost = (): LeaseLostError =>
  new LeaseLostError('another request under the same idempotency key is being handled by now');
