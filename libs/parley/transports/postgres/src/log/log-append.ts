import { headersOf, type OutgoingMessage } from '@parley/messaging/transport';
import type { Caller, Statement } from '../connection/database';

/**
 * A transaction, as far as this library uses it: TypeORM's EntityManager, or a connection of pg.
 */
export interface Executor {
  query(sql: string, parameters?: unknown[]): Promise<unknown>;
}

/** The log's partitions: fixed at installation, for the keys' hash names one of them for good. */
export const PARTITIONS = 16;

/**
 * The partition of a key: FNV-1a (32 bit) over its UTF-8 bytes. Computed here, not in the database:
 * PostgreSQL does not promise that its own hash stays the same.
 */
export function partOf(key: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(key)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash % PARTITIONS;
}

/** An event without a key is its own: its id. */
const keyOf = ({ envelope }: OutgoingMessage): string => envelope.partitionkey ?? envelope.id;

/**
 * Stores events, in the given order, in one statement. In a transaction: its last statement, after
 * the rows the events describe were changed, or two events of one key can swap places. They can be
 * read only after `sequence_events` was called.
 */
export async function appendEvents(
  tx: Executor,
  messages: readonly OutgoingMessage[],
): Promise<void> {
  if (messages.length > 0) await tx.query(APPEND.text, columnsOf(messages));
}

/**
 * The same without a transaction of one's own: committed when it resolves. What the log has
 * already, by its id, is left out.
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
