import type { Call } from '@parley/contract';
import type { CallResult } from './call-transport';
import { LeaseLostError } from '../message/failure';
import type { Envelope } from '../message/message';
import type { Tx } from './tx';
import { fingerprintOf } from '../message/message-id';

/** A call under an idempotency key, as whoever keeps its answer knows it. */
export interface KeyedRequest {
  /** Made of the caller's service, the contract and the key. */
  readonly scope: string;
  /** Made of the request: another one under the same key is refused. */
  readonly print: string;
}

/** Permission to handle one. Whoever takes it over later takes it away. */
export interface IdempotencyLock extends KeyedRequest {
  readonly token: string;
}

/**
 * What became of calls with an idempotency key, in the database of the service that answers them.
 * Answers are kept for `REQUEST_DAYS` days; what is older is handled as if it were new.
 */
export interface IdempotencyStore {
  /**
   * `ours`: handle it, nobody else does for `lease` milliseconds. `busy`: somebody does, ask again
   * soon. `done`: this was the answer. `conflict`: the key stands for another request.
   */
  begin(request: KeyedRequest, lease: number): Promise<IdempotencyState>;
  /**
   * Keeps the answer; in `tx`, if given, as its last statement. Rejects with LeaseLostError when the
   * claim is somebody else's by now.
   */
  complete(tx: Tx | undefined, claim: IdempotencyLock, answer: CallResult): Promise<void>;
  /** It could not be answered: whoever asks next handles it. */
  release(claim: IdempotencyLock): Promise<void>;
}

export type IdempotencyState =
  | { readonly state: 'ours'; readonly claim: IdempotencyLock }
  | { readonly state: 'busy' | 'conflict' }
  | { readonly state: 'done'; readonly answer: CallResult };

/** Days for which an answer is kept, and ids of messages in the inbox, too. */
export const IDEMPOTENCY_RETENTION_DAYS = 7;

/**
 * The caller's key was used for another request before: neither was this one handled, nor is it
 * ever going to be.
 */
export class IdempotencyConflictError extends Error {
  override readonly name = 'IdempotencyConflictError';
  constructor(contract: Call, key: string) {
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
