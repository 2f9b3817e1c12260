// For authors of technologies and stores: the ports they implement, and the parts they share.
export { type Clock, type ClockTimerOptions, lookAgain, pause, systemClock } from '../clock';
export { CallClient } from '../calls/call-client';
export { noStreams } from '../calls/streams/no-streams';
export { openedItems } from '../calls/streams/opened-items';
export {
  BalancedCallTransport,
  type CallProtocol,
  schemesOfCalls,
} from '../calls/balancing/balanced-call-transport';
export {
  addressOf,
  type Balance,
  type CallsUrl,
  CallsUrlError,
  type InstanceAddress,
  readCallsUrl,
} from '../calls/balancing/calls-url';
export type { ClientTls, Peer, ServerTls } from '../calls/security/tls-sides';
export { notReached, UNTRUSTED } from '../calls/security/trust';
export { type Contents, UnusableFileError, WatchedFiles } from '../calls/security/watched-files';
export type { CircuitBreakerOptions } from '../delivery/circuit-breaker';
export type { Paused } from '../delivery/circuit-breakers';
export {
  GRACE_MS,
  type HandlerRun,
  HandlerRuns,
  type Overdue,
  type RunFacts,
  StoppedError,
} from '../delivery/handler-runs';
export { UNFINISHED_AT_MOST } from '../delivery/suspects';
export { ConsumerServer } from '../handlers/consumer-server';
export {
  type HandlerExtras,
  HandlerRegistry,
  type SubscriptionRegistry,
  NoSubscriptionError,
} from '../handlers/handler-registry';
export { TRANSPORT_ID } from '../handlers/handles';
export type { CallState } from '../introspection/call-policies';
export type { HandlerInfo, RouteInfo, RouteExplanation } from '../introspection/explain';
export type { DurabilityReport, TopologyReport } from '../introspection/topology-report';
export { moreTimes, LogThrottle } from '../log-throttle';
export { decode, encode, MAX_ISSUES, issuesOf, prepare, validate } from '../message/codec';
export { Envelopes, readEnvelope, UNREADABLE } from '../message/envelope';
export { MAX_INDEXED_CHARACTERS } from '../message/envelope-limits';
export {
  AlreadyHandledError,
  describeError,
  type Failure,
  IdConflictError,
  LaneParkedError,
  LeaseLostError,
  ProcessEndedError,
  type UnfinishedHandling,
  withoutPersonal,
} from '../message/failure';
export { type Headers, headersOf, type OutgoingMessage } from '../message/message';
export { fingerprintOf, refuseConflict } from '../message/message-id';
export { storable, UNSTORABLE } from '../message/storable';
export { fromStructured, toStructured } from '../message/structured-mode';
export {
  keyHash,
  nextHop,
  readTraceparent,
  readTracestate,
  type TraceContext,
  traceIdOf,
} from '../message/trace';
export { HIDDEN, withoutUrlPasswords } from '../message/url-passwords';
export type { Worker } from '../messaging';
export {
  isEncrypted,
  keyIdsOf,
  masked,
  encryptFields,
  decryptFields,
  sealedTexts,
} from '../payload/field-encryption';
export { PayloadProcessor } from '../payload/payload-processor';
export { KEY_LIFETIME_MS, SubjectKeyCache } from '../payload/subject-key-cache';
export type {
  CallConnection,
  Caller,
  CallResult,
  HandleCall,
  CallServer,
  CallTransport,
  CallFault,
  IncomingCall,
  InstanceState,
  Items,
  OutgoingCall,
  StreamResult,
} from '../ports/call-transport';
export type { Carrier, Carriers, FormerCarrier, Unread } from '../ports/carriers';
export {
  type Claim,
  CLAIM_DAYS,
  claimDays,
  ClaimMissingError,
  type ClaimStore,
  BodyTooLargeError,
} from '../ports/claim-store';
export {
  type AuditFilter,
  type Cause,
  causeOf,
  type DeadLetterGroup,
  type DeadLetters,
  type Edit,
  type FoundDeadLetter,
  UNNAMED_OPERATOR,
} from '../ports/dead-letters';
export type { BatchAcknowledgement, Deliver, Delivery, Outcome } from '../ports/delivery';
export type { Finding, Hop, Resource } from '../ports/diagnostics';
export {
  crashAt,
  FAILPOINTS,
  type Failpoint,
  type FailpointHook,
  UnknownFailpointError,
} from '../ports/failpoints';
export type { Backlog, ConsumerHealth } from '../ports/health';
export {
  type IdempotencyState,
  type IdempotencyLock as RequestClaim,
  lockLost,
  type KeyedRequest,
  IDEMPOTENCY_RETENTION_DAYS,
  type IdempotencyStore,
} from '../ports/idempotency-store';
export type { DeliveryObserver, Handling, Sending } from '../ports/observer';
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
  NotStoredError,
  NotTriedError,
  PartlyPublishedError,
  PublishErrors,
  UnconfirmedError,
  UnpublishableError,
  UnpublishedError,
  UnroutableError,
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
  NoSubjectKeysError,
  SecretExpiredError,
  type SubjectKey,
  type SubjectKeys,
  type SubjectRecord,
  UnknownKeyError,
} from '../ports/subject-keys';
export type { Handler, RegisteredSubscription } from '../ports/subscription';
export type { Suspects } from '../ports/suspects';
export {
  type CallTransportOptions,
  type Consumer,
  type LocalPublishing,
  queueOf,
  type Transport,
  type TransportContext,
} from '../ports/transport';
export type { Ending, Tx } from '../ports/tx';
export type {
  CreateSpan,
  Ended,
  Handled,
  HandledTogether,
  ReceivedMessage,
  Span,
  SpanAttributes,
  Tracing,
} from '../ports/tracing';
export {
  type NewReplayRun,
  type ReplayRun,
  type ReplayRuns,
  RUN_LEASE_MS,
} from '../ports/replay-runs';
export {
  explainingUrlErrors,
  UnknownTechnologyError,
  UnusableUrlError,
  type Urls,
  urlVariable,
} from '../sending/routes';
export {
  CLOSE_TIMEOUT_MS,
  DRAIN_OVERTIME_MS,
  type DrainableMessaging,
  Shutdown,
} from '../shutdown';
export { settledWithin, withTimeout } from '../timeout';
export {
  type DeferredBroadcast,
  type ReceivedBroadcast,
  BroadcastConsumer,
} from './broadcast-consumer';
export { boundedFault, type CallStatus, callStatusOf, faultCodeOf, readFault } from './call-fault';
export {
  CallerGoneError,
  CallsUnderWay,
  type CallUnderWay,
  ServerStoppedError,
} from './calls-under-way';
export { fromWireHeaders, toWireHeaders, twiceFault, writtenTwice } from './call-wire';
export { callPathOf } from '@parley/contract';
export { Checkpoints } from './checkpoints';
export { notReady, type Opening, untilUp } from './coming-up';
export { FirstOfKeys } from './first-of-keys';
export { type GivenUp, givenUpByBroker } from './given-up-by-broker';
export { type ItemSource, ItemReader } from './item-reader';
export { hostAndPort, listeningHost, portTakenError, socketHost } from './host';
export { joinedByName } from './joined-by-name';
export { type ConcurrencyLimit, KeyedExecutor } from './keyed-executor';
export { OffsetTracker } from './offset-tracker';
export { PartTakeover, readerName } from './part-takeover';
export { failuresInOrder, failuresTogether, publishInTurn, sendInOrder } from './publish-in-order';
export { deliverFromLog, deliverUntilSettled, IN_PLACE, type LogPlace } from './redelivery';
export { RequestBatcher, type BatchLimits } from './request-batcher';
