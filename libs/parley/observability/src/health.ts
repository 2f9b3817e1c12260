import { type ConsumerHealth, withTimeout } from '@parley/messaging/transport';
import type { HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';

/** A question for terminus' HealthCheckService. */
export type Indicator = () => HealthIndicatorResult | Promise<HealthIndicatorResult>;

/**
 * Milliseconds. An outbox with an older message is not being relayed: the service's messages do not
 * leave it.
 */
export const MAX_OUTBOX_AGE_MS = 30_000;
/**
 * Milliseconds. A probe waits for one second, as Kubernetes' do: a slower check is reported as
 * down.
 */
const ASKING_TIMEOUT_MS = 700;
/** Probes come from several sides; the database is asked once a second at most. */
const DATABASE_CACHE_MS = 1_000;

/**
 * Up while the consumer takes messages: connected is not enough. A paused one is up and degraded:
 * its handlers wait for their dependencies, and a service that was not ready could not be called
 * either. One that takes messages and has a fault to report, such as handlers that do not end, is
 * degraded, too.
 * @param isNeeded whether the service is of no use without it; else it is up and degraded
 */
export function intakeIndicator(
  indicators: HealthIndicatorService,
  { kind, technology, state, reason }: ConsumerHealth,
  isNeeded = true,
): Indicator {
  const indicator = indicators.check(`${kind} (${technology})`);
  const details: Record<string, string> = reason === undefined ? { state } : { state, reason };
  const isWell = state === 'consuming' && reason === undefined;
  if (state === 'consuming' || state === 'paused')
    return () => indicator.up({ ...details, ...(isWell ? {} : { degraded: true }) });
  return () => (isNeeded ? indicator.down(details) : indicator.up({ ...details, degraded: true }));
}

/** The result of a health check with parts that may be degraded. */
export const withDegraded = <R extends { readonly status: string; readonly details: object }>(
  result: R,
): R | (Omit<R, 'status'> & { readonly status: 'degraded' }) =>
  Object.values(result.details).some(
    (part: { readonly degraded?: boolean }) => part.degraded === true,
  )
    ? { ...result, status: 'degraded' }
    : result;

type Outbox = { readonly waiting: number; readonly oldestAge: number };

/**
 * Up while the oldest message that is due waits less than the limit. @param isNeeded whether the
 * service is of no use without it; else it is up and degraded
 */
export function outboxIndicator(
  indicators: HealthIndicatorService,
  ask: () => Promise<Outbox>,
  isNeeded = true,
): Indicator {
  return async () => {
    const outbox = await withTimeout(
      ASKING_TIMEOUT_MS,
      ask(),
      () => new Error(`no answer within ${ASKING_TIMEOUT_MS} ms`),
    ).catch((error: Error) => error);
    const indicator = indicators.check('outbox');
    const details =
      outbox instanceof Error
        ? { reason: `the store does not say how it is: ${outbox.message}` }
        : stateOf(outbox);
    if (details.reason === undefined) return indicator.up({ ...details });
    return isNeeded ? indicator.down({ ...details }) : indicator.up({ ...details, degraded: true });
  };
}

function stateOf(outbox: Outbox): Outbox & { readonly reason?: string } {
  if (outbox.oldestAge <= MAX_OUTBOX_AGE_MS) return { ...outbox };
  const reason = `the oldest of ${outbox.waiting} waiting messages is ${Math.round(outbox.oldestAge / 1000)} s old: nothing takes them; is the broker up?`;
  return { ...outbox, reason };
}

/** Up while the database answers a query in time. */
export function databaseIndicator(
  indicators: HealthIndicatorService,
  query: () => Promise<unknown>,
): Indicator {
  const attempt = indicators.check('database').attempt(async () => void (await query()));
  return () => Promise.resolve(attempt.withTimeout(ASKING_TIMEOUT_MS).cacheFor(DATABASE_CACHE_MS));
}

/** A part of the service that says for itself why it cannot work. */
export function reasonIndicator(
  indicators: HealthIndicatorService,
  name: string,
  reason: string | undefined,
): Indicator {
  const indicator = indicators.check(name);
  return () => (reason === undefined ? indicator.up() : indicator.down({ reason }));
}
