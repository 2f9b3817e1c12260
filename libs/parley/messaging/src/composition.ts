import { milliseconds } from '@parley/contract';
import { CallClient } from './calls/call-client';
import { CallHandler } from './calls/call-handler';
import { CallAdmission } from './calls/resilience/call-admission';
import { CallTargets } from './calls/resilience/call-targets';
import { Callers } from './calls/security/callers';
import { IdempotentCalls } from './calls/idempotent-calls';
import { systemClock } from './clock';
import { CanaryReplays } from './dead-letters/canary-replays';
import { DeadLetterService } from './dead-letters/dead-letter-service';
import type { CompleteOptions } from './default-options';
import { CircuitBreakers } from './delivery/circuit-breakers';
import { HandlerRuns } from './delivery/handler-runs';
import { Pipeline } from './delivery/pipeline';
import { HandlerRegistry } from './handlers/handler-registry';
import { InFlight } from './in-flight';
import { Envelopes } from './message/envelope';
import { PayloadProcessor } from './payload/payload-processor';
import { claimsAt, keysAt } from './payload/side-stores';
import { SubjectKeyCache } from './payload/subject-key-cache';
import { outageReadersOf } from './ports/outage';
import { Messenger } from './sending/messenger';
import { OutboxRelay } from './sending/outbox-relay';
import { Publisher } from './sending/publisher';
import { Routes } from './sending/routes';
import { Transactions } from './sending/transactions';

export type MessagingParts = ReturnType<typeof compose>;

/**
 * Makes the parts of a process and connects them. Nothing is opened yet.
 * @throws Error when a URL names a technology that is not among `technologies`, or one that cannot
 * carry the kind
 */
export function compose(options: CompleteOptions) {
  const { service, instance, store, observer, tracing, log, passes, topology, urls } = options;
  const { clock = systemClock, random = Math.random } = options;
  const process = { instance, clock, log, observer, tracing, random, passes };
  const context = { service, instance, clock, store, topology, log, passes };

  const registry = new HandlerRegistry(service, options.concurrency);
  const inFlight = new InFlight();
  const grace = options.handlerGrace === undefined ? undefined : milliseconds(options.handlerGrace);
  const runs = new HandlerRuns(clock, log, grace);
  const circuitBreakers = new CircuitBreakers(options.circuitBreaker, clock, log);

  const routes = new Routes(urls, options.technologies, context);
  const outageReaders = () => outageReadersOf([store, ...routes.all()]);
  const keys = keysAt(options.keys, options.technologies, context);
  const subjectKeys = keys && new SubjectKeyCache(keys, clock);
  const claims = claimsAt(options.claims, options.technologies, context);
  const payloads = new PayloadProcessor(subjectKeys, claims);

  const publisher = new Publisher(routes, store, payloads, tracing, observer);
  const transactions = new Transactions(store, publisher, passes);
  const relay = store && new OutboxRelay(store, publisher, { service, ...process });

  const calls = urls.calls && routes.calls(urls.calls, options.listen);
  const envelopes = new Envelopes(options, clock);
  const callTargets = new CallTargets(clock, log, options.callResilience);
  const { tokens } = options.callers ?? {};
  const callers = options.callers && new Callers(options.callers, log);
  if (options.listen) refuseWithoutProof(options.callers, calls?.provesCallers);
  const callClient = new CallClient(calls, envelopes, observer, callTargets, tokens, tracing);
  const messenger = new Messenger(service, envelopes, transactions, publisher, callClient, tracing);

  const pipeline = new Pipeline(
    transactions,
    store,
    inFlight,
    runs,
    circuitBreakers,
    payloads,
    process,
    (contract) => routes.of(contract)?.technology,
  );
  const admission =
    options.callResilience === false ? undefined : new CallAdmission(registry, clock);
  const callHandler = new CallHandler(
    registry,
    inFlight,
    runs,
    { ...process, technology: calls?.technology },
    transactions,
    store?.idempotency && new IdempotentCalls(transactions, store.idempotency),
    outageReaders(),
    admission,
    callers,
  );
  const letters = store?.lanes.deadLetters;
  const deadLetters = letters && new DeadLetterService(letters, registry, clock, payloads, service);
  const canaryReplays = letters && new CanaryReplays(letters, process);
  return {
    clock,
    deadLetters,
    canaryReplays,
    registry,
    inFlight,
    runs,
    circuitBreakers,
    routes,
    outageReaders,
    subjectKeys,
    payloads,
    publisher,
    transactions,
    relay,
    calls,
    callTargets,
    admission,
    callers,
    messenger,
    pipeline,
    callHandler,
  };
}

/** @throws Error when callers are chosen by their names, and nothing proves these */
function refuseWithoutProof(
  { allowed, allowedFor = {}, tokens }: CompleteOptions['callers'] = {},
  byCertificates = false,
): void {
  const isChosen = allowed !== undefined || Object.keys(allowedFor).length > 0;
  if (isChosen && !byCertificates && !tokens?.verifies)
    throw new Error(
      'CALLS_ALLOWED says who may call, but nothing proves who calls: add the CA of the callers to CALLS_URL (grpcs://…&clientCa=/run/tls/ca.crt), or set CALLS_TOKEN_KEYS',
    );
}
