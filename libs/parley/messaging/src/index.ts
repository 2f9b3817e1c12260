// For services: handle messages, send them, start and stop the conversation. Authors of technologies
// and stores find their parts in @parley/messaging/transport.
export { CallError } from './calls/call-error';
export {
  type Bulk,
  type BulkResult,
  DeadLetterDesk,
  EditRefused,
  type ReplayPreview,
} from './dead-letters/dead-letter-service';
export { HandlerTimeoutError } from './delivery/handler-runs';
export { HandlerError, Subscription } from './handlers/handler-registry';
export { Handles } from './handlers/handles';
export { InvalidMessage, type Issue } from './message/codec';
export { Unrecoverable } from './message/failure';
export {
  type BatchContext,
  type CallContext,
  type Conversation,
  currentConversation,
  type HandlerContext,
  inConversation,
} from './message/handler-context';
export type { Envelope } from './message/message';
export { Messaging, type MessagingHealth, type MessagingOptions } from './messaging';
export { MessagingModule } from './messaging.module';
export { AnswerLost, OwnerUnavailable } from './ports/call-transport';
export type { AuditEntry, DeadLetter, DeadLetterFilter, Decision } from './ports/dead-letters';
export { IdempotencyConflict } from './ports/idempotency-store';
export { OutageError } from './ports/outage';
export type { Store } from './ports/store';
export type { BatchOptions, HandlerOptions, SubscriptionOptions } from './ports/subscription';
export type { Technology } from './ports/transport';
export { CallInTransaction, Messenger, NotOwner, type SendOptions } from './sending/messenger';
export { NoRoute } from './sending/publisher';
export { NoTransaction, Transactions } from './sending/transactions';
