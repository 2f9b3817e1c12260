import type { IntakeHealth } from '@parley/messaging';
import type { HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';

/** A question for terminus' HealthCheckService. */
export type Indicator = () => HealthIndicatorResult | Promise<HealthIndicatorResult>;

/** An outbox whose oldest message waits longer than this is not being relayed: the service says things nobody hears. */
export const OUTBOX_AGE_LIMIT = 30_000;
const DATABASE_TIMEOUT = 2_000;
/** Probes come from several sides; the database is asked once a second at most. */
const DATABASE_CACHE = 1_000;

/**
 * Up while the intake takes messages: connected is not enough. One that is paused is up, and says so: waiting for what its handlers need is what it
 * is there for, and a service that was not ready for it could not be called either.
 */
export function intakeIndicator(indicators: HealthIndicatorService, { kind, technology, state, reason }: IntakeHealth): Indicator {
  const indicator = indicators.check(`${kind} (${technology})`);
  const details: Record<string, string> = reason === undefined ? { state } : { state, reason };
  return () => (state === 'consuming' || state === 'paused' ? indicator.up(details) : indicator.down(details));
}

/** Up while the oldest message that is due waits less than the limit. */
export function outboxIndicator(indicators: HealthIndicatorService, outbox: { readonly waiting: number; readonly oldestAge: number }): Indicator {
  const indicator = indicators.check('outbox');
  if (outbox.oldestAge <= OUTBOX_AGE_LIMIT) return () => indicator.up({ ...outbox });
  const reason = `the oldest of ${outbox.waiting} waiting messages is ${Math.round(outbox.oldestAge / 1000)} s old: nothing takes them; is the broker up?`;
  return () => indicator.down({ ...outbox, reason });
}

/** Up while the database answers a query in time. */
export function databaseIndicator(indicators: HealthIndicatorService, query: () => Promise<unknown>): Indicator {
  const attempt = indicators.check('database').attempt(async () => void (await query()));
  return () => Promise.resolve(attempt.withTimeout(DATABASE_TIMEOUT).cacheFor(DATABASE_CACHE));
}

/** A part of the service that says for itself why it cannot work. */
export function reasonIndicator(indicators: HealthIndicatorService, name: string, reason: string | undefined): Indicator {
  const indicator = indicators.check(name);
  return () => (reason === undefined ? indicator.up() : indicator.down({ reason }));
}
