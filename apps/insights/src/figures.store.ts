import type { Figures } from '@contracts/insights';
import type { EntityManager } from 'typeorm';
import { merged, type OrderFact } from './figures';

/**
 * The projection: one row an order, so that no two orders wait for each other. `MemoryFiguresStore`
 * is the twin of the SQL one.
 */
export abstract class FiguresStore<Tx = EntityManager> {
  /** Adds facts from events; known facts stay. */
  abstract learn(tx: Tx, ...facts: OrderFact[]): Promise<void>;
  abstract figures(): Promise<Figures>;
}

export class SqlFiguresStore extends FiguresStore {
  constructor(private readonly database: Pick<EntityManager, 'query'>) {
    super();
  }

  /**
   * One statement for all of them, in the order of their ids: others learn at the same time, and
   * must not wait for each other in a circle.
   */
  async learn(tx: EntityManager, ...facts: OrderFact[]): Promise<void> {
    const orders = merged(facts).sort((a, b) => (a.orderId < b.orderId ? -1 : 1));
    const column = (value: (fact: OrderFact) => unknown) =>
      orders.map((fact) => value(fact) ?? null);
    await tx.query(
      `insert into order_fact as fact (order_id, total, lines, placed_at, outcome, finished_at, reason, mails)
       select * from unnest($1::uuid[], $2::int[], $3::jsonb[], $4::timestamptz[], $5::text[], $6::timestamptz[], $7::text[], $8::int[])
       on conflict (order_id) do update set total = coalesce(fact.total, excluded.total), lines = coalesce(fact.lines, excluded.lines),
         placed_at = coalesce(fact.placed_at, excluded.placed_at), outcome = coalesce(fact.outcome, excluded.outcome),
         finished_at = coalesce(fact.finished_at, excluded.finished_at), reason = coalesce(fact.reason, excluded.reason), mails = fact.mails + excluded.mails`,
      [
        column(({ orderId }) => orderId),
        column(({ total }) => total),
        column(({ lines }) => lines && JSON.stringify(lines)),
        column(({ placedAt }) => placedAt),
        column(({ outcome }) => outcome),
        column(({ finishedAt }) => finishedAt),
        column(({ reason }) => reason),
        column(({ mails }) => mails ?? 0),
      ],
    );
  }

  /**
   * Sums and durations as double precision: whole numbers beyond 32 bits that still arrive as
   * numbers.
   */
  async figures(): Promise<Figures> {
    const [totals] = await this.database.query(`
      select count(placed_at)::int as placed, count(*) filter (where outcome = 'delivered')::int as delivered, count(*) filter (where outcome = 'rejected')::int as rejected,
        coalesce(sum(total) filter (where outcome = 'delivered'), 0)::float8 as revenue, coalesce(sum(mails), 0)::int as mails,
        coalesce(percentile_disc(array[0.5, 0.99]) within group (order by extract(epoch from finished_at - placed_at) * 1000)
          filter (where finished_at is not null and placed_at is not null), '{0,0}')::float8[] as durations
      from order_fact`);
    const bestSellers = await this.database.query(`
      select (line->>'sku') collate "C" as sku, min(line->>'name') as name, sum((line->>'quantity')::int)::int as pieces
      from order_fact, jsonb_array_elements(lines) line where outcome = 'delivered' group by 1 order by pieces desc, sku limit 10`);
    const reasons = await this.database.query(
      'select reason collate "C" as reason, count(*)::int as orders from order_fact where reason is not null group by 1 order by orders desc, reason limit 10',
    );
    const { durations, ...counts } = totals;
    return {
      ...counts,
      underWay: counts.placed - counts.delivered - counts.rejected,
      duration: { p50: durations[0], p99: durations[1] },
      bestSellers,
      reasons,
    };
  }
}
