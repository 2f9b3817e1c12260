import { createHash, randomBytes } from 'node:crypto';
import { UNREADABLE, type Headers } from '@parley/messaging/transport';

/**
 * Bytes of the largest body that is prefetched. Larger ones are fetched when they are handled:
 * hundreds may wait in memory.
 */
export const READ_AHEAD = 8_192;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Bytes of unreadable headers that are kept as a sample. */
const SAMPLE = 100;
const SIGN = 1n << 63n;

/**
 * Returns the lane of a key: a negative number from its hash. Two keys with the same hash merely
 * share a lane.
 */
export const laneOf = (key: string): string =>
  String(BigInt.asIntN(64, digest(key).readBigUInt64BE() | SIGN));

/** Returns a random token of a lease, known only to its holder. Never 0, which means no holder. */
export const newToken = (): string => String((randomBytes(8).readBigUInt64BE() >> 1n) | 1n);

/**
 * Returns a message's id as the tables store it. An id that is no UUID is replaced by a hash of
 * headers and body, if a body is given: many messages may have no id, or the same wrong one, and
 * each is kept.
 */
export function messageId(headers: Headers, body?: Buffer): string {
  const id = headers.id ?? '';
  if (UUID.test(id)) return id;
  const hex = (
    body ? createHash('sha256').update(JSON.stringify(headers)).update(body).digest() : digest(id)
  ).toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20, 32),
  ].join('-');
}

export const packHeaders = (headers: Headers): Buffer => Buffer.from(JSON.stringify(headers));

/**
 * Parses headers. Unreadable bytes become the header UNREADABLE beside the `known` ones: the
 * message is dead-lettered at once, and its body is kept.
 */
export function unpackHeaders(bytes: Buffer, known: Headers = {}): Headers {
  try {
    const read: unknown = JSON.parse(bytes.toString());
    if (isHeaders(read)) return read;
  } catch {
    // no JSON at all, or too deep for a parser
  }
  return {
    ...known,
    [UNREADABLE]: `${bytes.toString('latin1', 0, SAMPLE)} (${bytes.length} bytes)`,
  };
}

const isHeaders = (read: unknown): read is Headers =>
  typeof read === 'object' &&
  read !== null &&
  !Array.isArray(read) &&
  Object.values(read).every((value) => typeof value === 'string');

/**
 * The channel that wakes the consumers of a queue. PostgreSQL truncates channel names after 63
 * bytes.
 */
export const channelOf = (queue: string): string =>
  queue.length <= 48
    ? `parley_queue_${queue}`
    : `parley_queue_${digest(queue).toString('hex', 0, 16)}`;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
