import type { Failure } from '../message/failure';

/** A message that the broker itself moved to its dead letters, as those of the service keep it. */
export interface GivenUp {
  /** `RabbitMQ gave it up in orders: delivery limit` */
  readonly reason: string;
  /** The failure that the message carries: of its last handling, if there was one. */
  readonly before: Failure | undefined;
  /** Deliveries so far, according to the broker. */
  readonly deliveries: number;
  /** The instance that found it. */
  readonly instance: string;
  readonly at: Date;
}

export function givenUpByBroker({ reason, before, deliveries, instance, at }: GivenUp): Failure {
  const earlier = before ? `; before that: ${before.error}: ${before.message}` : '';
  return {
    error: 'GivenUpByBroker',
    message: `${reason}${earlier}`,
    stack: before?.stack ?? '',
    tries: before?.tries ?? deliveries,
    instance: before?.instance ?? instance,
    firstFailedAt: before?.firstFailedAt ?? at.toISOString(),
    lastFailedAt: at.toISOString(),
  };
}
