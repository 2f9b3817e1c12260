import type { Clock } from '../clock';
import type { Delivery } from '../ports/delivery';
import type { Handling } from '../ports/observer';
import type { Result } from './tracked-delivery';

/**
 * One delivery for metrics and traces. A type that no handler of the subscription knows is
 * `unknown`: foreign programs may invent any number of them.
 * @param milliseconds from the delivery to its outcome
 */
export function handlingOf(
  { subscription, headers, attempt }: Delivery,
  { as: outcome, tries, envelope }: Result,
  milliseconds: number,
  clock: Clock,
): Handling {
  const { kind, name } = subscription;
  const sentAt = Date.parse(headers.time ?? '');
  return {
    kind,
    contract: subscription.handlers.has(headers.type ?? '') ? headers.type! : 'unknown',
    subscription: name,
    outcome,
    attempt,
    tries,
    milliseconds,
    age: Number.isNaN(sentAt) ? 0 : Math.max(0, clock.now() - sentAt),
    envelope,
  };
}
