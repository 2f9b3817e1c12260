import { createHash } from 'node:crypto';
import type { Call } from '@parley/contract';
import type { Answer } from './calls';
import { InvalidMessage } from './codec';
import { IdConflict, LeaseLost } from './failure';
import type { Envelope } from './message';
import type { Tx } from './store';

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

/** Characters of the longest key. */
const KEY_LIMIT = 200;

/** @throws InvalidMessage */
export function checkedKey(contract: { readonly name: string }, key: string): string {
  if (key.trim() !== '' && key.length <= KEY_LIMIT) return key;
  throw new InvalidMessage(contract.name, [
    { path: 'idempotencykey', message: `has 1 to ${KEY_LIMIT} characters, not only space` },
  ]);
}

/** The same for the same bytes. 32 hexadecimal digits. */
export const printOf = (body: Buffer | string): string =>
  createHash('sha256').update(body).digest('hex').slice(0, 32);

/**
 * The id of what a service says of a contract under a key: a UUID of version 8. Said again, it is
 * the same message.
 */
export function idUnder(source: string, contract: string, key: string): string {
  const hex = printOf(JSON.stringify([source, contract, key]));
  const variant = ((parseInt(hex[16]!, 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20),
  ].join('-');
}

export const keyedRequest = (
  { source, type, idempotencykey }: Envelope,
  body: Buffer,
): KeyedRequest => ({
  scope: printOf(JSON.stringify([source, type, idempotencykey])),
  print: printOf(body),
});

/** Whether the inbox must refuse: the id is known, for something else. */
export function refuseConflict(
  id: string,
  known: string | undefined,
  print: string | undefined,
): void {
  if (known !== undefined && print !== undefined && known !== print) throw new IdConflict(id);
}

export const claimLost = (): LeaseLost =>
  new LeaseLost('another request under the same idempotency key is being handled by now');
