import type { Clock } from '../clock';
import { InFlight } from '../in-flight';
import { PayloadProcessor } from '../payload/payload-processor';
import type { DeliveryObserver } from '../ports/observer';
import type { Store } from '../ports/store';
import type { TransportContext } from '../ports/transport';
import { Publisher } from '../sending/publisher';
import { Transactions } from '../sending/transactions';
import { CircuitBreakers } from './circuit-breakers';
import { HandlerRuns } from './handler-runs';
import { Pipeline } from './pipeline';

interface Surroundings {
  readonly store: Store;
  readonly clock: Clock;
  readonly instance: string;
  readonly log?: TransportContext['log'];
  readonly inFlight?: InFlight;
  readonly runs?: HandlerRuns;
  readonly circuitBreakers?: CircuitBreakers;
  readonly observer?: DeliveryObserver;
}

/**
 * A pipeline without technologies and jitter, and without circuit breakers unless given: specs
 * deliver to it themselves.
 */
export function pipelineOn({
  store,
  clock,
  instance,
  log = () => undefined,
  inFlight = new InFlight(),
  runs = new HandlerRuns(clock, log),
  circuitBreakers = new CircuitBreakers(false, clock, log),
  observer,
}: Surroundings): Pipeline {
  const payloads = new PayloadProcessor(undefined, undefined);
  const publisher = new Publisher({ of: () => undefined, all: () => [] }, store, payloads);
  return new Pipeline(
    new Transactions(store, publisher),
    store,
    inFlight,
    runs,
    circuitBreakers,
    payloads,
    { instance, clock, random: () => 0, log, observer },
  );
}
