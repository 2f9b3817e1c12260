export { Batches, type BatchLimits } from './batches';
export { CallError } from './call-error';
export {
  type Answer,
  type Answerer,
  AnswerLost,
  type CallServer,
  type CallTransport,
  type Fault,
  type IncomingCall,
  OwnerUnavailable,
  type OutgoingCall,
} from './calls';
export { type Clock, systemClock } from './clock';
export {
  type BatchContext,
  type CallContext,
  type Conversation,
  currentConversation,
  type HandlerContext,
  inConversation,
} from './context';
export { endAt, FAIL_POINTS, type FailPoint, type Passes, UnknownFailPoint } from './fail-point';
export {
  AlreadyHandled,
  describe,
  type Failure,
  IdConflict,
  LaneParked,
  LeaseLost,
  ProcessEndedError,
  type UnfinishedHandling,
  Unrecoverable,
} from './failure';
export {
  type BatchOptions,
  type Handler,
  HandlerError,
  type HandlerExtras,
  type HandlerOptions,
  HandlerRegistry,
  NoSubscription,
  Subscription,
  type SubscriptionOptions,
} from './handlers';
export { GRACE_MS, HandlerTimeoutError, type Overdue, StoppedError } from './handler-runs';
export { Handles, TRANSPORT_ID } from './handles';
export { type Heard, Hearing } from './hearing';
export {
  decode,
  encode,
  InvalidMessage,
  MAX_ISSUES,
  type Issue,
  issuesOf,
  validate,
} from './codec';
export { Envelopes, readEnvelope, UNREADABLE } from './envelope';
export type { HandlerInfo, RouteInfo, SayingExplained } from './explain';
export type { Examination, Manifest } from './inspection';
export { Bodies } from './bodies';
export type { Carrier, Carriers, FormerCarrier, Unread } from './carriers';
export {
  type Claim,
  CLAIM_DAYS,
  claimDays,
  ClaimMissing,
  type ClaimStore,
  TooLarge,
} from './claims';
export { MAX_INDEXED_CHARACTERS } from './envelope-limits';
export { KEY_LIFETIME, KeyRing } from './key-ring';
export { isSealed, keyIdsOf, masked, seal, unsealed } from './sealing';
export {
  NoSubjectKeys,
  SecretExpired,
  type SubjectKey,
  type SubjectKeys,
  type SubjectRecord,
  UnknownKey,
} from './subject-keys';
export { hostAndPort, socketHost } from './host';
export { failuresInOrder, failuresTogether, publishInTurn, sendInOrder } from './in-order';
export { IntakeServer } from './intake';
export { FirstOfKeys } from './first-of-keys';
export { type Bound, KeyLanes } from './key-lanes';
export type { KillSwitchOptions, Paused } from './kill-switch';
export { Messaging, type MessagingHealth, type MessagingOptions, type Worker } from './messaging';
export { MessagingModule } from './messaging.module';
export { CallInTransaction, Messenger, NotOwner, type SendOptions } from './messenger';
export {
  type Begun,
  type Claim as RequestClaim,
  claimLost,
  IdempotencyConflict,
  type KeyedRequest,
  printOf,
  REQUEST_DAYS,
  refuseConflict,
  type Requests,
} from './requests';
export type { DeliveryObserver, Handling } from './observer';
export type { Positions, Reader, Shard, ShardLease, ShardLeases, ShardMove } from './positions';
export { NoRoute } from './publisher';
export {
  type Failures,
  failureOf,
  NotTriedError,
  PartlyPublishedError,
  UnpublishableError,
  UnpublishedError,
} from './publishing';
export { outboxSubscription } from './outbox-name';
export { readable, UnknownTechnology, UnusableUrl, type Urls, urlVariable } from './routes';
export { fromStructured, toStructured } from './structured';
export { type Suspects, UNFINISHED_AT_MOST } from './suspects';
export { nextHop, traceIdOf } from './trace';
export { NoTransaction, Transactions } from './transactions';
export { within } from './within';
export {
  type EffectOfOutage,
  effectAfter,
  hadEffect,
  isBug,
  noteEffect,
  notingEffects,
  OutageError,
  type OutageReader,
} from './outage';
export { moreTimes, Sparingly } from './sparingly';
export { type Envelope, type Headers, headersOf, type OutgoingMessage } from './message';
export {
  type AuditEntry,
  type AuditFilter,
  type Cause,
  causeOf,
  type DeadLetter,
  type DeadLetterFilter,
  type DeadLetterGroup,
  type DeadLetters,
  type Decision,
  type Edit,
  type FoundDeadLetter,
  SOMEBODY,
} from './dead-letters';
export {
  type Bulk,
  type BulkResult,
  DeadLetterDesk,
  EditRefused,
  type ReplayPreview,
} from './dead-letter-desk';
export type {
  Ending,
  Inbox,
  LaneRunner,
  Lanes,
  Outbox,
  OutboxExcept,
  ParkedMessage,
  Store,
  StoredMessage,
  Tx,
} from './store';
export {
  type Backlog,
  type CallOptions,
  type Deliver,
  type Delivery,
  type Finding,
  type Hop,
  type Intake,
  type IntakeHealth,
  type LocalPublishing,
  type Outcome,
  queueOf,
  type Resource,
  type Technology,
  type Transport,
  type TransportContext,
} from './technology';
