import type { JsonSchema } from './contract-schema';

const said = (description: string, more: JsonSchema = {}): JsonSchema => ({
  type: 'string',
  description,
  ...more,
});
const time = (description: string): JsonSchema => said(description, { format: 'date-time' });

/** The envelope of every message, as JSON Schema: attributes of CloudEvents 1.0. */
export const ENVELOPE: JsonSchema = {
  type: 'object',
  properties: {
    specversion: { type: 'string', const: '1.0' },
    id: said('A UUID; the same on every redelivery and replay.'),
    type: said('The name of the contract.'),
    source: said('The sending service, as a path: `/orders`.'),
    time: time('The time of sending.'),
    datacontenttype: { type: 'string', const: 'application/json' },
    contractversion: said('The version of the contract; 1 when absent.', {
      pattern: '^[1-9]\\d*$',
    }),
    correlationid: said('The same for all messages that follow from one request from the outside.'),
    causationid: said('The id of the message whose handling sent this one.'),
    partitionkey: said("The value of the contract's key: the lane of the message."),
    passdeadletters: said('Commands only: it does not wait for a dead letter of its lane.', {
      const: 'true',
    }),
    idempotencykey: said(
      'Chosen by the sender: messages of one service with the same key take effect once.',
    ),
    expirytime: time('The time after which it is not worth handling.'),
    priority: said('Of work that can wait: under overload its calls are refused first.', {
      const: 'batch',
    }),
    traceparent: said('W3C Trace Context of the hop that sent it.'),
    tracestate: said('W3C Trace Context: what vendors of tracing add to it.'),
    producerinstance: said('The process that sent it.'),
    producerbuild: said('The build that sent it.'),
    sequence: said('Broadcasts only: counts up per sending instance and contract.'),
    dataref: said('The name of a body that was too large to travel; the body is empty then.'),
  },
  required: ['specversion', 'id', 'source', 'type'],
};
