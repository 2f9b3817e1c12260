import { headersOf, queueOf, type OutgoingMessage } from '@parley/messaging/transport';
import type { Statement } from '../connection/database';
import { laneOf, messageId, packHeaders } from '../cloudevents';

/** Appends commands to their owners' queues, in order, in one statement. */
export const SEND: Statement = {
  name: 'parley_send',
  text: 'select parley.send($1, $2, $3, $4, $5, $6)',
};

export function sendValues(messages: readonly OutgoingMessage[]): unknown[] {
  return [
    messages.map(({ contract }) => queueOf(contract)),
    messages.map(({ envelope }) =>
      envelope.partitionkey === undefined ? null : laneOf(envelope.partitionkey),
    ),
    messages.map(({ envelope }) => messageId(headersOf(envelope))),
    messages.map(({ envelope }) => packHeaders(headersOf(envelope))),
    messages.map(({ body }) => body),
    messages.map(({ delay }) => (delay !== undefined && delay > 0 ? Math.ceil(delay) : null)),
  ];
}
