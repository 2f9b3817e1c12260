import { createHash } from 'node:crypto';
import { InvalidMessageError } from './codec';
import { IdConflictError } from './failure';

/** Characters of the longest key. */
const KEY_LIMIT = 200;

/** @throws InvalidMessageError */
export function assertIdempotencyKey(contract: { readonly name: string }, key: string): string {
  if (key.trim() !== '' && key.length <= KEY_LIMIT) return key;
  throw new InvalidMessageError(contract.name, [
    { path: 'idempotencykey', message: `has 1 to ${KEY_LIMIT} characters, not only space` },
  ]);
}

/** Fingerprint: the first 128 bits of SHA-256, in hex. */
export const fingerprintOf = (body: Buffer | string): string =>
  createHash('sha256').update(body).digest('hex').slice(0, 32);

/**
 * The id of a message that a service sends under an idempotency key: a UUID of version 8. Sent
 * again under the key, it is the same message.
 */
export function deterministicMessageId(source: string, contract: string, key: string): string {
  const hex = fingerprintOf(JSON.stringify([source, contract, key]));
  const variant = ((parseInt(hex[16]!, 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20),
  ].join('-');
}

/** @throws IdConflictError when the id is known with another fingerprint */
export function refuseConflict(
  id: string,
  known: string | undefined,
  print: string | undefined,
): void {
  if (known !== undefined && print !== undefined && known !== print) throw new IdConflictError(id);
}
