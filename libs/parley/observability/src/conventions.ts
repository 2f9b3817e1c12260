/*
 * Names of OpenTelemetry's semantic conventions, version 1.44. conventions.spec.ts compares them
 * with the published package.
 */

export const MESSAGING = {
  system: 'messaging.system',
  operationName: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  destination: 'messaging.destination.name',
  subscription: 'messaging.destination.subscription.name',
  consumerGroup: 'messaging.consumer.group.name',
  messageId: 'messaging.message.id',
  conversationId: 'messaging.message.conversation_id',
  bodySize: 'messaging.message.body.size',
  batchCount: 'messaging.batch.message_count',
} as const;

export const RPC = {
  system: 'rpc.system.name',
  method: 'rpc.method',
  status: 'rpc.response.status_code',
} as const;

export const HTTP = {
  method: 'http.request.method',
  route: 'http.route',
  status: 'http.response.status_code',
  scheme: 'url.scheme',
} as const;

export const ERROR_TYPE = 'error.type';

/** Names that the conventions have for technologies; the others keep ours. */
const SYSTEMS: Readonly<Record<string, string>> = { sqs: 'aws_sqs', postgres: 'postgresql' };

/** `messaging.system` of a technology. */
export const systemOf = (technology = 'unknown'): string => SYSTEMS[technology] ?? technology;
