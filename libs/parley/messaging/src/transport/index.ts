// For authors of technologies and stores: the ports they implement, and the parts they share.
export { type Clock, systemClock } from '../clock';
export type { KillSwitchOptions, Paused } from '../delivery/circuit-breaker';
export {
  GRACE_MS,
  type HandlerRun,
  HandlerRuns,
  type Overdue,
  type RunFacts,
  StoppedError,
} from '../delivery/handler-runs';
export { UNFINISHED_AT_MOST } from '../delivery/suspects';
export { IntakeServer } from '../handlers/consumer-server';
export { type HandlerExtras, HandlerRegistry, NoSubscription } from '../handlers/handler-registry';
export { TRANSPORT_ID } from '../handlers/handles';
export type { HandlerInfo, RouteInfo, SayingExplained } from '../introspection/explain';
export type { Examination, Manifest } from '../introspection/topology-report';
export { moreTimes, Sparingly } from '../log-throttle';
export { decode, encode, MAX_ISSUES, issuesOf, validate } from '../message/codec';
export { Envelopes, readEnvelope, UNREADABLE } from '../message/envelope';
export { MAX_INDEXED_CHARACTERS } from '../message/envelope-limits';
export {
  AlreadyHandled,
  describe,
  type Failure,
  IdConflict,
  LaneParked,
  LeaseLost,
  ProcessEndedError,
  type UnfinishedHandling,
} from '../message/failure';
export { type Headers, headersOf, type OutgoingMessage } from '../message/message';
export { printOf, refuseConflict } from '../message/message-id';
export { fromStructured, toStructured } from '../message/structured-mode';
export { nextHop, traceIdOf } from '../message/trace';
export type { Worker } from '../messaging';
export { isSealed, keyIdsOf, masked, seal, unsealed } from '../payload/field-encryption';
export { Bodies } from '../payload/payload-processor';
export { KEY_LIFETIME, KeyRing } from '../payload/subject-key-cache';
export type {
  Answer,
  Answerer,
  CallServer,
  CallTransport,
  Fault,
  IncomingCall,
  OutgoingCall,
} from '../ports/call-transport';
export type { Carrier, Carriers, FormerCarrier, Unread } from '../ports/carriers';
export {
  type Claim,
  CLAIM_DAYS,
  claimDays,
  ClaimMissing,
  type ClaimStore,
  TooLarge,
} from '../ports/claim-store';
export {
  type AuditFilter,
  type Cause,
  causeOf,
  type DeadLetterGroup,
  type DeadLetters,
  type Edit,
  type FoundDeadLetter,
  SOMEBODY,
} from '../ports/dead-letters';
export type { Deliver, Delivery, Outcome } from '../ports/delivery';
export type { Finding, Hop, Resource } from '../ports/diagnostics';
export {
  endAt,
  FAIL_POINTS,
  type FailPoint,
  type Passes,
  UnknownFailPoint,
} from '../ports/failpoints';
export type { Backlog, IntakeHealth } from '../ports/health';
export {
  type Begun,
  type Claim as RequestClaim,
  claimLost,
  type KeyedRequest,
  REQUEST_DAYS,
  type Requests,
} from '../ports/idempotency-store';
export type { DeliveryObserver, Handling } from '../ports/observer';
export {
  type EffectOfOutage,
  effectAfter,
  hadEffect,
  bugDetails,
  bugIn,
  noteEffect,
  notingEffects,
  type OutageReader,
} from '../ports/outage';
export { outboxSubscription } from '../ports/outbox-subscription';
export {
  type Failures,
  failureOf,
  NotTriedError,
  PartlyPublishedError,
  UnpublishableError,
  UnpublishedError,
} from '../ports/publish-errors';
export type {
  Inbox,
  LaneRunner,
  Lanes,
  Outbox,
  OutboxExcept,
  ParkedMessage,
  StoredMessage,
} from '../ports/store';
export type {
  Positions,
  Reader,
  Shard,
  ShardLease,
  ShardLeases,
  ShardMove,
} from '../ports/stream-positions';
export {
  NoSubjectKeys,
  SecretExpired,
  type SubjectKey,
  type SubjectKeys,
  type SubjectRecord,
  UnknownKey,
} from '../ports/subject-keys';
export type { Handler, RegisteredSubscription } from '../ports/subscription';
export type { Suspects } from '../ports/suspects';
export {
  type CallOptions,
  type Intake,
  type LocalPublishing,
  queueOf,
  type Transport,
  type TransportContext,
} from '../ports/transport';
export type { Ending, Tx } from '../ports/tx';
export {
  readable,
  UnknownTechnology,
  UnusableUrl,
  type Urls,
  urlVariable,
} from '../sending/routes';
export { within } from '../timeout';
export { type Heard, Hearing } from './broadcast-consumer';
export { FirstOfKeys } from './first-of-keys';
export { hostAndPort, socketHost } from './host';
export { type Bound, KeyLanes } from './keyed-executor';
export { failuresInOrder, failuresTogether, publishInTurn, sendInOrder } from './publish-in-order';
export { Batches, type BatchLimits } from './request-batcher';
