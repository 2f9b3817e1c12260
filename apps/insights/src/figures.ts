import type { Figures } from '@contracts/insights';
import type { QuotedLine } from '@contracts/catalog';

/** Facts about one order. Each part comes from another event, in any order. */
export interface OrderFact {
  readonly orderId: string;
  readonly total?: number;
  readonly lines?: readonly QuotedLine[];
  readonly placedAt?: string;
  readonly outcome?: 'delivered' | 'rejected';
  readonly finishedAt?: string;
  readonly reason?: string;
  readonly mails?: number;
}

const BEST = 10;

/** Merges the facts of each order into one: the earlier fact stays, mails add up. */
export function merged(facts: readonly OrderFact[]): OrderFact[] {
  const orders = new Map<string, OrderFact>();
  for (const fact of facts) {
    const before = orders.get(fact.orderId);
    orders.set(fact.orderId, {
      ...fact,
      ...before,
      mails: (before?.mails ?? 0) + (fact.mails ?? 0),
    });
  }
  return [...orders.values()];
}

/** Adds up facts. The SQL store lets the database do the same. */
export function figuresOf(facts: readonly OrderFact[]): Figures {
  const count = (outcome: string) => facts.filter((fact) => fact.outcome === outcome).length;
  const placed = facts.filter(({ placedAt }) => placedAt !== undefined).length;
  const [delivered, rejected] = [count('delivered'), count('rejected')];
  const durations = facts
    .flatMap(({ placedAt, finishedAt }) =>
      placedAt && finishedAt ? [Date.parse(finishedAt) - Date.parse(placedAt)] : [],
    )
    .sort((a, b) => a - b);
  return {
    placed,
    delivered,
    rejected,
    underWay: placed - delivered - rejected,
    revenue: facts.reduce(
      (sum, { outcome, total = 0 }) => sum + (outcome === 'delivered' ? total : 0),
      0,
    ),
    mails: facts.reduce((sum, { mails = 0 }) => sum + mails, 0),
    duration: { p50: quantile(durations, 0.5), p99: quantile(durations, 0.99) },
    bestSellers: bestSellers(facts),
    reasons: reasons(facts),
  };
}

/** Discrete, as PostgreSQL's percentile_disc. */
function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0;
}

function bestSellers(facts: readonly OrderFact[]): Figures['bestSellers'] {
  const sold = new Map<string, { sku: string; name: string; pieces: number }>();
  for (const { sku, name, quantity } of facts
    .filter(({ outcome }) => outcome === 'delivered')
    .flatMap(({ lines = [] }) => lines)) {
    sold.set(sku, { sku, name, pieces: (sold.get(sku)?.pieces ?? 0) + quantity });
  }
  return [...sold.values()]
    .sort((a, b) => b.pieces - a.pieces || inOrder(a.sku, b.sku))
    .slice(0, BEST);
}

function reasons(facts: readonly OrderFact[]): Figures['reasons'] {
  const given = new Map<string, number>();
  for (const { reason } of facts)
    if (reason !== undefined) given.set(reason, (given.get(reason) ?? 0) + 1);
  return [...given]
    .map(([reason, orders]) => ({ reason, orders }))
    .sort((a, b) => b.orders - a.orders || inOrder(a.reason, b.reason))
    .slice(0, BEST);
}

/** Code-unit order: the same in every locale of a machine or a database. */
const inOrder = (a: string, b: string): number => (a < b ? -1 : 1);
