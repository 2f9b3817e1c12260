import type { Clock } from '../clock';
import type { Delivery } from '../ports/delivery';
import type { Handling } from '../ports/observer';
import type { Result } from './tracked-delivery';

/** Milliseconds since the message was sent, by its sender's clock. */
export function ageOf({ headers }: Pick<Delivery, 'headers'>, clock: Clock): number {
  const sentAt = Date.parse(headers.time ?? '');
  return Number.isNaN(sentAt) ? 0 : Math.max(0, clock.now() - sentAt);
}

/**
 * One delivery for metrics and traces. A type that no handler of the subscription knows is
 * `unknown`: foreign programs may invent any number of them.
 * @param milliseconds from the delivery to its outcome
 */
export function handlingOf(
  delivery: Delivery,
  { as: outcome, tries, envelope, failure }: Result,
  milliseconds: number,
  clock: Clock,
): Handling {
  const { subscription, headers, body, attempt } = delivery;
  const { kind, name } = subscription;
  return {
    kind,
    contract: subscription.handlers.has(headers.type ?? '') ? headers.type! : 'unknown',
    subscription: name,
    outcome,
    attempt,
    tries,
    milliseconds,
    age: ageOf(delivery, clock),
    envelope,
    body,
    failure,
  };
}
