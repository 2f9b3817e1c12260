import { headersOf, type OutgoingMessage, type Tx } from '@parley/messaging/transport';
import type { Caller, Statement } from '../connection/database';
import { statement } from '../store/transaction';

/**
 * Number of the log's partitions. Fixed at installation: a key's hash selects its partition for
 * ever.
 */
export const PARTITIONS = 16;

/**
 * Returns the partition of a key: FNV-1a (32 bit) over its UTF-8 bytes. Computed here, not in the
 * database: PostgreSQL does not promise that its own hash stays the same.
 */
export function partOf(key: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(key)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash % PARTITIONS;
}

/** The key of an event; its id where it has none. */
const keyOf = ({ envelope }: OutgoingMessage): string => envelope.partitionkey ?? envelope.id;

/**
 * Stores events, in the given order, in one statement. In a transaction, make it the last
 * statement, after the rows that the events describe were changed, or two events of one key can
 * swap places. The events can be read only after `sequence_events` was called.
 */
export async function appendEvents(tx: Tx, messages: readonly OutgoingMessage[]): Promise<void> {
  if (messages.length > 0) await statement(tx, APPEND, columnsOf(messages));
}

/**
 * Stores events outside a transaction: committed when it resolves. Events that are in the log
 * already, by their id, are skipped.
 */
export async function publishEvents(
  database: Caller,
  messages: readonly OutgoingMessage[],
): Promise<void> {
  if (messages.length > 0) await database.call(PUBLISH, columnsOf(messages));
}

const APPEND: Statement = {
  name: 'parley_append_events',
  text: 'select parley.append_events($1, $2, $3, $4, $5, $6)',
};
const PUBLISH: Statement = {
  name: 'parley_publish_events',
  text: 'select parley.publish_events($1, $2, $3, $4, $5, $6)',
};

function columnsOf(messages: readonly OutgoingMessage[]): unknown[] {
  const keys = messages.map(keyOf);
  return [
    messages.map(({ contract }) => contract.name),
    keys,
    keys.map(partOf),
    messages.map(({ envelope }) => envelope.id),
    messages.map(({ envelope }) => Buffer.from(JSON.stringify(headersOf(envelope)))),
    messages.map(({ body }) => body),
  ];
}
