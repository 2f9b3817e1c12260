import type { MemorySubjectKeys } from '@parley/memory';
import { isEncrypted, decryptFields, type OutgoingMessage } from '@parley/messaging/transport';

/** The payload of a message, with its personal fields decrypted. */
export function plainPayload(
  { contract, envelope, body }: OutgoingMessage,
  keys: MemorySubjectKeys,
): unknown {
  const payload: unknown = JSON.parse(body.toString());
  return isEncrypted(contract)
    ? decryptFields(payload, contract, envelope, (id) => keys.peek(id)!)
    : payload;
}
