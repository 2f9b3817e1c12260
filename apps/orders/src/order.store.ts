import type { QuotedLine } from '@contracts/catalog';
import type {
  Account,
  Customer,
  ExportedOrder,
  HistoryEntry,
  ListOrders,
  Order,
  OrderStatus,
} from '@contracts/orders';
import type { EntityManager } from 'typeorm';
import { cursorOf, firstEntry, isFinal, later, type Progress, readCursor } from './order';
import type { OrderPage, OrderSummary } from './order.queries';

/** An order as it was taken: never changes but for how it ended. */
export interface TakenOrder {
  readonly orderId: string;
  readonly idempotencyKey: string;
  readonly fingerprint: string;
  readonly customer: Customer;
  readonly lines: readonly QuotedLine[];
  readonly total: number;
  readonly placedAt: string;
  readonly account?: Account;
}

/** The order's view after a progress. */
export interface Advanced {
  readonly status: OrderStatus;
  readonly entry: HistoryEntry;
}

/**
 * Orders and their views. `SqlOrderStore` keeps them in PostgreSQL, `MemoryOrderStore` is its
 * in-memory twin.
 */
export abstract class OrderStore<Tx = EntityManager> {
  /**
   * Takes the order, unless its key was used before: then that order is returned and nothing is
   * stored.
   */
  abstract take(tx: Tx, order: TakenOrder): Promise<TakenOrder | undefined>;
  abstract byKey(idempotencyKey: string): Promise<TakenOrder | undefined>;
  abstract find(tx: Tx, orderId: string): Promise<TakenOrder>;
  /** Adds to the order's history. Undefined for an order that is not here. */
  abstract advance(tx: Tx, orderId: string, progress: Progress): Promise<Advanced | undefined>;
  abstract view(orderId: string): Promise<Order | undefined>;
  abstract page(filter: ListOrders): Promise<OrderPage>;
  /**
   * Orders of an account with their customers, or of all without, oldest first.
   * @param after the cursor of the last one of the page before
   */
  abstract exported(
    account: Account | undefined,
    limit: number,
    after?: string,
  ): Promise<readonly ExportedOrder[]>;
}

export class UnknownOrderError extends Error {
  override readonly name = 'UnknownOrderError';
  constructor(orderId: string) {
    super(`there is no order ${orderId}`);
  }
}

interface OrderRow {
  order_id: string;
  idempotency_key: string;
  fingerprint: string;
  customer: Customer;
  lines: QuotedLine[];
  total: number;
  placed_at: Date;
  account: Account | null;
}

interface ViewRow {
  order_id: string;
  status: OrderStatus;
  lines: QuotedLine[];
  total: number;
  history: HistoryEntry[];
  placed_at: Date;
  finished_at: Date | null;
  account: Account | null;
}

export class SqlOrderStore extends OrderStore {
  constructor(private readonly database: Pick<EntityManager, 'query'>) {
    super();
  }

  async take(tx: EntityManager, order: TakenOrder): Promise<TakenOrder | undefined> {
    const inserted = await rows(
      tx,
      `with taken as (
         insert into orders (order_id, idempotency_key, fingerprint, customer, lines, total, placed_at, account)
         values ($1, $2, $3, $4, $5, $6, $7, $9) on conflict (idempotency_key) do nothing returning order_id)
       insert into order_view (order_id, status, lines, total, history, placed_at, account)
       select order_id, 'placed', $5, $6, $8, $7, $9 from taken returning order_id`,
      [
        order.orderId,
        order.idempotencyKey,
        order.fingerprint,
        JSON.stringify(order.customer),
        JSON.stringify(order.lines),
        order.total,
        order.placedAt,
        JSON.stringify([firstEntry(order.placedAt)]),
        order.account ?? null,
      ],
    );
    return inserted.length > 0 ? undefined : this.firstByKey(tx, order.idempotencyKey);
  }

  byKey(idempotencyKey: string): Promise<TakenOrder | undefined> {
    return this.firstByKey(this.database, idempotencyKey);
  }

  async find(tx: EntityManager, orderId: string): Promise<TakenOrder> {
    const [row] = await rows<OrderRow>(tx, 'select * from orders where order_id = $1', [orderId]);
    if (!row) throw new UnknownOrderError(orderId);
    return taken(row);
  }

  async advance(
    tx: EntityManager,
    orderId: string,
    { what, by, at, status }: Progress,
  ): Promise<Advanced | undefined> {
    const [view] = await rows<{ status: OrderStatus; entries: number }>(
      tx,
      'select status, jsonb_array_length(history) as entries from order_view where order_id = $1 for update',
      [orderId],
    );
    if (!view) return undefined;
    const entry = { number: view.entries + 1, at, what, by };
    const reached = later(view.status, status);
    await tx.query(
      'update order_view set status = $2, history = history || $3::jsonb, finished_at = coalesce(finished_at, $4) where order_id = $1',
      [orderId, reached, JSON.stringify(entry), isFinal(reached) ? at : null],
    );
    return { status: reached, entry };
  }

  async view(orderId: string): Promise<Order | undefined> {
    const [row] = await rows<ViewRow>(
      this.database,
      'select * from order_view where order_id = $1',
      [orderId],
    );
    return (
      row && {
        orderId: row.order_id,
        status: row.status,
        lines: row.lines,
        total: row.total,
        history: row.history,
        account: row.account ?? undefined,
      }
    );
  }

  async page({ status, limit, before, account }: ListOrders): Promise<OrderPage> {
    const from = before === undefined ? undefined : readCursor(before);
    const found = await rows<ViewRow>(
      this.database,
      `select order_id, status, total, placed_at, finished_at from order_view
       where ($1::text is null or status = $1) and ($2::timestamptz is null or (placed_at, order_id) < ($2, $3::uuid))
         and ($5::text is null or account = $5)
       order by placed_at desc, order_id desc limit $4`,
      [status ?? null, from?.placedAt ?? null, from?.orderId ?? null, limit, account ?? null],
    );
    const counts = await rows<{ status: OrderStatus; count: number }>(
      this.database,
      'select status, count(*)::int as count from order_view where $1::text is null or account = $1 group by status',
      [account ?? null],
    );
    const orders = found.map(summary);
    const last = orders.at(-1);
    return {
      orders,
      next: orders.length === limit && last ? cursorOf(last) : undefined,
      counts: { ...NONE, ...Object.fromEntries(counts.map((row) => [row.status, row.count])) },
    };
  }

  async exported(
    account: Account | undefined,
    limit: number,
    after?: string,
  ): Promise<readonly ExportedOrder[]> {
    const from = after === undefined ? undefined : readCursor(after);
    const found = await rows<ViewRow & { customer: Customer }>(
      this.database,
      `select v.*, o.customer from order_view v join orders o on o.order_id = v.order_id
       where ($1::text is null or v.account = $1)
         and ($2::timestamptz is null or (v.placed_at, v.order_id) > ($2, $3::uuid))
       order by v.placed_at, v.order_id limit $4`,
      [account ?? null, from?.placedAt ?? null, from?.orderId ?? null, limit],
    );
    return found.map((row) => ({
      ...summary(row),
      lines: row.lines,
      history: row.history,
      ...(account !== undefined && { customer: row.customer }),
    }));
  }

  private async firstByKey(
    database: Pick<EntityManager, 'query'>,
    idempotencyKey: string,
  ): Promise<TakenOrder | undefined> {
    const [row] = await rows<OrderRow>(
      database,
      'select * from orders where idempotency_key = $1',
      [idempotencyKey],
    );
    return row && taken(row);
  }
}

export const NONE: Readonly<Record<OrderStatus, number>> = {
  placed: 0,
  reserved: 0,
  paid: 0,
  shipped: 0,
  delivered: 0,
  rejected: 0,
};

const rows = <Row>(
  database: Pick<EntityManager, 'query'>,
  sql: string,
  parameters: unknown[] = [],
): Promise<Row[]> => database.query(sql, parameters);

const taken = (row: OrderRow): TakenOrder => ({
  orderId: row.order_id,
  idempotencyKey: row.idempotency_key,
  fingerprint: row.fingerprint,
  customer: row.customer,
  lines: row.lines,
  total: row.total,
  placedAt: row.placed_at.toISOString(),
  account: row.account ?? undefined,
});

const summary = (row: ViewRow): OrderSummary => ({
  orderId: row.order_id,
  status: row.status,
  total: row.total,
  placedAt: row.placed_at.toISOString(),
  finishedAt: row.finished_at?.toISOString(),
});
