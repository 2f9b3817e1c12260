import type { Paused } from '../delivery/circuit-breakers';
import type { Overdue } from '../delivery/handler-runs';
import type { ConsumerHealth } from '../ports/health';

/** The health of a consumer, paused where a circuit breaker holds its messages. */
export function withPause(health: ConsumerHealth, paused: readonly Paused[]): ConsumerHealth {
  const own = paused.filter(({ kind }) => kind === health.kind);
  if (health.state !== 'consuming' || own.length === 0) return health;
  return {
    ...health,
    state: 'paused',
    reason: own.map(({ subscription, reason }) => `${subscription}: ${reason}`).join('; '),
  };
}

/**
 * The health of a consumer, with its overdue handlings: other messages are handled, but these slots
 * stay occupied until an operator intervenes.
 */
export function withOverdue(health: ConsumerHealth, overdue: readonly Overdue[]): ConsumerHealth {
  const [oldest, ...others] = overdue.filter(({ kind }) => kind === health.kind);
  if (!oldest) return health;
  const { contract, id, age } = oldest;
  const reason = `${others.length + 1} over their timeout and still running, the oldest for ${Math.round(age / 1_000)} s: ${contract} ${id}`;
  return {
    ...health,
    reason: health.reason === undefined ? reason : `${health.reason}; ${reason}`,
  };
}
