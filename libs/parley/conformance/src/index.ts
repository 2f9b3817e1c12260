export { brokerFixture, type BrokerOnTrial } from './harness/broker-fixture';
export { brokerProcess, offersBroker } from './harness/broker-process';
export { callFixture } from './harness/call-fixture';
export {
  Ask,
  asking,
  CallTrial,
  echo,
  expectDeadline,
  gate,
  named,
  reply,
  type Served,
  Unanswered,
  waiting,
} from './harness/call-trial';
export { CertificateFolder, certificateFor, type Issued, makeCa } from './harness/certificates';
export { callSuite } from './suites/call';
export { callersSuite } from './suites/callers';
export { callTlsSuite } from './suites/call-tls';
export { callWireSuite, type CallWire } from './suites/call-wire';
export { commandSuite } from './suites/command';
export { broadcastSuite } from './suites/broadcast';
export { eventSuite } from './suites/event';
export {
  type Feature,
  type Features,
  type Fixture,
  type Place,
  type ProcessEnd,
  type ProcessHost,
  type ProxyControl,
} from './harness/fixture';
export { CallVictim } from './hostile/call-victim';
export { GoodOrder, goodOrder } from './hostile/good-order';
export {
  type Attacker,
  headersOf,
  hostileQueueSuite,
  type OpenQueue,
  refusalOf,
} from './hostile/hostile-queue';
export { hostileSuite, type Fate, type WayIn } from './hostile/hostile-suite';
export { type Attributes, type Good, type Hostile, HOSTILE } from './hostile/hostile';
export { Instance } from './harness/instance';
export { eventually, eventuallyPasses, Gate, Recorder } from './harness/recorder';
export { linkedTechnology, MemoryDatabases, FaultyLink } from './harness/memory-place';
export { guarantees, guaranteesOf, type GuaranteeId } from './guarantees';
export { TcpProxy } from './harness/tcp-proxy';
export { type ReceivedSpan, TraceReceiver } from './harness/trace-receiver';
export { type Answer, comingUpSuite } from './suites/coming-up';
export { silentNetworkSuite } from './suites/silent-network';
export { storesSuite } from './store-suite/stores';
export { freePort } from './harness/free-port';
export { ownTime } from './harness/own-time';
export { streamPositionsSuite } from './store-suite/positions-suite';
export { storeSuite } from './store-suite/store-suite';
export type { StoreUnderTest } from './store-suite/store-trial';
