import type { Call } from '@parley/contract';
import type { CallTargetState } from '../calls/resilience/call-targets';
import type { CallLimitState } from '../calls/resilience/call-admission';
import type { Hop } from '../ports/diagnostics';

/** The calls of a process right now: those that it makes, and those that it answers. */
export interface CallState {
  /** Contracts that it has called. */
  readonly targets: readonly CallTargetState[];
  /** Contracts that it has answered. */
  readonly limits: readonly CallLimitState[];
}

/** The policies that a call passes at its caller and at its owner, and why. */
export function policyHops(contract: Call, state: CallTargetState | undefined): readonly Hop[] {
  const { circuitBreaker, bulkhead, hedge, stale, fallback, limit } = contract.resilience;
  const hops: Hop[] = [
    {
      what: 'bulkhead',
      name: `${state?.inFlight ?? 0} of ${bulkhead}`,
      why: `so many calls are under way; one more than ${bulkhead} is refused at once`,
    },
    {
      what: 'retry budget',
      name: `${state?.retriesLeft ?? 10} left`,
      why: `retries and hedges to ${contract.owner} are at most 20 % of the calls`,
    },
  ];
  if (circuitBreaker)
    hops.push({
      what: 'circuit breaker',
      name: state?.circuit ?? 'closed',
      why: 'opens when nearly all calls fail or time out, closes when three probes succeed',
    });
  if (hedge)
    hops.push({
      what: 'hedge',
      name: 'after the 95th percentile',
      why: 'a slow call is made a second time; the first reply counts',
    });
  if (stale !== undefined)
    hops.push({
      what: 'stale reply',
      name: `${stale} ms`,
      why: 'the last reply to the same request, while the owner cannot answer',
    });
  if (fallback)
    hops.push({
      what: 'fallback',
      name: contract.name,
      why: 'the reply of the contract itself, while the owner cannot answer',
    });
  if (limit)
    hops.push({
      what: 'limit of the owner',
      name: 'adaptive',
      why: `it refuses calls that it could not answer within a quarter of ${contract.deadline} ms, batch calls first`,
    });
  return hops;
}
