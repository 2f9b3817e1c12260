import type { Line } from '@contracts/catalog';
import type { StockLevel } from '@contracts/inventory';
import type { EntityManager } from 'typeorm';
import { type ReservationStatus, type Shortage, shortage } from './stock';

export type Reservation =
  | { readonly outcome: 'reserved' }
  | { readonly outcome: 'known'; readonly status: ReservationStatus }
  | ({ readonly outcome: 'short' } & Shortage);

/**
 * The stock, with strong consistency: never more is reserved than is there. initial = available +
 * reserved + shipped. `MemoryStockStore` is the in-memory twin of the SQL one.
 */
export abstract class StockStore<Tx = EntityManager> {
  /** All lines, or none. An order that has a reservation, or had one, is left as it is. */
  abstract reserve(tx: Tx, orderId: string, lines: readonly Line[]): Promise<Reservation>;
  /** Releases the order's reservation; an order without one will not get one any more. */
  abstract release(tx: Tx, orderId: string): Promise<void>;
  /** Marks the order's reservation as shipped. */
  abstract ship(tx: Tx, orderId: string): Promise<void>;
  abstract levels(): Promise<StockLevel[]>;
}

export class SqlStockStore extends StockStore {
  constructor(private readonly database: Pick<EntityManager, 'query'>) {
    super();
  }

  async reserve(tx: EntityManager, orderId: string, lines: readonly Line[]): Promise<Reservation> {
    const known: { status: ReservationStatus }[] = await tx.query(
      'select status from reservation where order_id = $1',
      [orderId],
    );
    if (known[0]) return { outcome: 'known', status: known[0].status };
    const short = shortage(lines, await this.lock(tx, lines));
    if (short) return { outcome: 'short', ...short };
    await tx.query(
      `with reserved as (insert into reservation (order_id, status, lines) values ($1, 'reserved', $2::jsonb))
       update stock set available = available - line.quantity, reserved = reserved + line.quantity ${OF_LINES}`,
      [orderId, JSON.stringify(lines)],
    );
    return { outcome: 'reserved' };
  }

  async release(tx: EntityManager, orderId: string): Promise<void> {
    // First: it waits for a reservation under way, which the next statement then sees.
    const unknown: unknown[] = await tx.query(
      `insert into reservation (order_id, status, lines) values ($1, 'released', '[]') on conflict do nothing returning order_id`,
      [orderId],
    );
    if (unknown.length > 0) return;
    const lines = await this.settle(tx, orderId, 'released');
    if (lines) await this.move(tx, lines, 'available');
  }

  async ship(tx: EntityManager, orderId: string): Promise<void> {
    const lines = await this.settle(tx, orderId, 'shipped');
    if (lines) await this.move(tx, lines, 'shipped');
  }

  levels(): Promise<StockLevel[]> {
    return this.database.query(
      'select sku, initial, available, reserved, shipped from stock order by sku',
    );
  }

  /** Ends a reservation; its lines, unless it had ended before. */
  private async settle(
    tx: EntityManager,
    orderId: string,
    status: ReservationStatus,
  ): Promise<Line[] | undefined> {
    const [ended]: [{ lines: Line[] }[], number] = await tx.query(
      `update reservation set status = $2 where order_id = $1 and status = 'reserved' returning lines`,
      [orderId, status],
    );
    return ended[0]?.lines;
  }

  private async move(
    tx: EntityManager,
    lines: readonly Line[],
    to: 'available' | 'shipped',
  ): Promise<void> {
    await this.lock(tx, lines);
    await tx.query(
      `update stock set reserved = reserved - line.quantity, ${to} = ${to} + line.quantity ${OF_LINES.replace('$2', '$1')}`,
      [JSON.stringify(lines)],
    );
  }

  /** Locks the products in a fixed order, so that two orders never deadlock. */
  private async lock(
    tx: EntityManager,
    lines: readonly Line[],
  ): Promise<ReadonlyMap<string, number>> {
    const rows: { sku: string; available: number }[] = await tx.query(
      'select sku, available from stock where sku = any($1) order by sku for no key update',
      [lines.map(({ sku }) => sku)],
    );
    return new Map(rows.map(({ sku, available }) => [sku, available]));
  }
}

const OF_LINES =
  'from jsonb_to_recordset($2::jsonb) as line(sku text, quantity int) where stock.sku = line.sku';
