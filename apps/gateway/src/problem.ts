import { CallError } from '@parley/messaging';
import { invalid, problem, type Problem } from '@parley/service';

/**
 * The answer to a customer for an error of the shop's contracts; undefined: the kit's own answer
 * applies.
 */
export function shopProblemOf(error: unknown): Problem | undefined {
  if (!(error instanceof CallError)) return undefined;
  const { code, details } = error;
  if (code === 'unknown-sku') {
    const { sku, line } = details as { sku: string; line: number };
    return invalid([{ field: `lines.${line}.sku`, message: `${sku} is not sold here` }]);
  }
  if (code === 'too-much') {
    const { total, most } = details as { total: number; most: number };
    return invalid([
      {
        field: 'lines',
        message: `come to ${euros(total)}, more than the ${euros(most)} an order may be worth; split it`,
      },
    ]);
  }
  if (code === 'key-reused')
    return problem(
      409,
      'This Idempotency-Key was used for another order',
      'Send the same order again, or use a new key.',
    );
  if (code === 'unknown-order') return problem(404, 'There is no such order');
  if (code === 'no-label') return problem(404, 'There is no label for this order yet');
  return undefined;
}

const euros = (cents: number): string => `€${(cents / 100).toFixed(2)}`;
