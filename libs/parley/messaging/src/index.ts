// For services: handle messages, send them, start and stop the conversation. Authors of
// technologies and stores find their parts in @parley/messaging/transport.
export { type ApplicationOptions, startMessaging } from './application-life';
export { CallError } from './calls/call-error';
export type { CallersOptions, CallerTokens, TokenProof } from './calls/security/callers';
export {
  CANARY_STEPS,
  CanaryReplays,
  progressOf,
  RunUnderWayError,
} from './dead-letters/canary-replays';
export {
  type BulkRequest,
  type BulkResult,
  DeadLetterService,
  EditRefusedError,
  type ReplayPreview,
} from './dead-letters/dead-letter-service';
export { HandlerTimeoutError } from './delivery/handler-runs';
export { HandlerError, Subscription } from './handlers/handler-registry';
export { Handles } from './handlers/handles';
export { InvalidMessageError } from './message/codec';
export type { Issue } from './message/issue';
export { UnrecoverableError } from './message/failure';
export {
  type BatchContext,
  type CallContext,
  type Conversation,
  currentConversation,
  type HandlerContext,
  inConversation,
  type StreamContext,
  withoutCaller,
} from './message/handler-context';
export type { Envelope } from './message/message';
export { Messaging } from './messaging';
export type {
  MessagingHealth,
  MessagingIntrospection,
} from './introspection/messaging-introspection';
export type { MessagingOptions } from './messaging-options';
export { MessagingModule } from './messaging.module';
export {
  type Caller,
  CallNotAllowedError,
  OwnerUnavailableError,
  ReplyLostError,
} from './ports/call-transport';
export type { AuditEntry, DeadLetter, DeadLetterFilter } from './ports/dead-letters';
export type { Decision } from './ports/decision';
export { IdempotencyConflictError } from './ports/idempotency-store';
export { OutageError } from './ports/outage';
export { NotStoredError, UnconfirmedError, UnpublishableError } from './ports/publish-errors';
export type { ReplayRun } from './ports/replay-runs';
export type { Store } from './ports/store';
export type { BatchOptions, HandlerOptions, SubscriptionOptions } from './ports/subscription';
export type { Technology } from './ports/transport';
export {
  CallInTransactionError,
  Messenger,
  NotOwnerError,
  type SendOptions,
  type StreamOptions,
} from './sending/messenger';
export { NoRouteError } from './sending/publisher';
export { NoTransactionError, Transactions } from './sending/transactions';
