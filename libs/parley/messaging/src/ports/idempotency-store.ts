import type { Call } from '@parley/contract';
import type { Answer } from './call-transport';
import { LeaseLost } from '../message/failure';
import type { Envelope } from '../message/message';
import type { Tx } from './tx';
import { printOf } from '../message/message-id';

/** A call under an idempotency key, as whoever keeps its answer knows it. */
export interface KeyedRequest {
  /** Made of the caller's service, the contract and the key. */
  readonly scope: string;
  /** Made of the request: another one under the same key is refused. */
  readonly print: string;
}

/** Permission to handle one. Whoever takes it over later takes it away. */
export interface Claim extends KeyedRequest {
  readonly token: string;
}

/**
 * What became of calls with an idempotency key, in the database of the service that answers them.
 * Answers are kept for `REQUEST_DAYS` days; what is older is handled as if it were new.
 */
export interface Requests {
  /**
   * `ours`: handle it, nobody else does for `lease` milliseconds. `busy`: somebody does, ask again
   * soon. `done`: this was the answer. `conflict`: the key stands for another request.
   */
  begin(request: KeyedRequest, lease: number): Promise<Begun>;
  /**
   * Keeps the answer; in `tx`, if given, as its last statement. Rejects with LeaseLost when the
   * claim is somebody else's by now.
   */
  complete(tx: Tx | undefined, claim: Claim, answer: Answer): Promise<void>;
  /** It could not be answered: whoever asks next handles it. */
  release(claim: Claim): Promise<void>;
}

export type Begun =
  | { readonly state: 'ours'; readonly claim: Claim }
  | { readonly state: 'busy' | 'conflict' }
  | { readonly state: 'done'; readonly answer: Answer };

/** Days for which an answer is kept, and ids of messages in the inbox, too. */
export const REQUEST_DAYS = 7;

/**
 * The caller's key was used for another request before: neither was this one handled, nor is it
 * ever going to be.
 */
export class IdempotencyConflict extends Error {
  override readonly name = 'IdempotencyConflict';
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
  scope: printOf(JSON.stringify([source, type, idempotencykey])),
  print: printOf(body),
});

export const claimLost = (): LeaseLost =>
  new LeaseLost('another request under the same idempotency key is being handled by now');
