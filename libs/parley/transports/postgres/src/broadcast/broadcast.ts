import { headersOf, type Headers, type OutgoingMessage } from '@parley/messaging/transport';
import type { Caller, Statement } from '../connection/database';
import { unpackHeaders } from '../cloudevents';

/** The channel on which an owner's broadcasts are notified. */
export const channelOf = (owner: string): string => `parley_broadcast_${owner}`;

/**
 * Packs headers and body into one buffer: the length of the headers, the headers as JSON, the body
 * unchanged.
 */
function packed(headers: Headers, body: Buffer): Buffer {
  const head = Buffer.from(JSON.stringify(headers));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.length);
  return Buffer.concat([length, head, body]);
}

export function unpacked(content: Buffer): { readonly headers: Headers; readonly body: Buffer } {
  const end = 4 + content.readUInt32BE(0);
  return { headers: unpackHeaders(content.subarray(4, end)), body: content.subarray(end) };
}

/**
 * Content of a notification: the message itself (`i…`), or, if it is too long, the id of the row
 * that holds it (`t…`).
 */
export type Notification = { readonly inline: Buffer } | { readonly stored: string };

export function notified(payload: string): Notification {
  const rest = payload.slice(1);
  return payload.startsWith('i') ? { inline: Buffer.from(rest, 'base64') } : { stored: rest };
}

const SAY: Statement = {
  name: 'parley_say_broadcasts',
  text: 'select parley.say_broadcasts($1, $2)',
};

/** Notifies all current listeners, in one statement, in the given order. */
export async function publishBroadcasts(
  database: Caller,
  messages: readonly OutgoingMessage[],
): Promise<void> {
  if (messages.length === 0) return;
  await database.call(SAY, [
    messages.map(({ contract }) => contract.owner),
    messages.map(({ envelope, body }) => packed(headersOf(envelope), body)),
  ]);
}
