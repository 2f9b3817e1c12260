import type { Line } from '@contracts/catalog';
import type { StockLevel } from '@contracts/inventory';
import type { MemoryTx } from '@parley/memory';
import { type ReservationStatus, shortage } from './stock';
import { type Reservation, StockStore } from './stock.store';

/** The twin of SqlStockStore, for tests and simulation. */
export class MemoryStockStore extends StockStore<MemoryTx> {
  private readonly stock: Map<string, StockLevel>;
  private readonly reservations = new Map<
    string,
    { readonly status: ReservationStatus; readonly lines: readonly Line[] }
  >();

  constructor(shelves: readonly { readonly sku: string; readonly pieces: number }[]) {
    super();
    this.stock = new Map(
      shelves.map(({ sku, pieces }) => [
        sku,
        { sku, initial: pieces, available: pieces, reserved: 0, shipped: 0 },
      ]),
    );
  }

  async reserve(tx: MemoryTx, orderId: string, lines: readonly Line[]): Promise<Reservation> {
    const known = this.reservations.get(orderId);
    if (known) return { outcome: 'known', status: known.status };
    const short = shortage(
      lines,
      new Map([...this.stock.values()].map(({ sku, available }) => [sku, available])),
    );
    if (short) return { outcome: 'short', ...short };
    this.write(tx, orderId, 'reserved', lines);
    for (const { sku, quantity } of lines)
      this.add(tx, sku, { available: -quantity, reserved: quantity });
    return { outcome: 'reserved' };
  }

  async release(tx: MemoryTx, orderId: string): Promise<void> {
    const reservation = this.reservations.get(orderId);
    if (!reservation) return this.write(tx, orderId, 'released', []);
    if (reservation.status !== 'reserved') return;
    this.write(tx, orderId, 'released', reservation.lines);
    for (const { sku, quantity } of reservation.lines)
      this.add(tx, sku, { available: quantity, reserved: -quantity });
  }

  async ship(tx: MemoryTx, orderId: string): Promise<void> {
    const reservation = this.reservations.get(orderId);
    if (reservation?.status !== 'reserved') return;
    this.write(tx, orderId, 'shipped', reservation.lines);
    for (const { sku, quantity } of reservation.lines)
      this.add(tx, sku, { shipped: quantity, reserved: -quantity });
  }

  async levels(): Promise<StockLevel[]> {
    return [...this.stock.values()].sort((a, b) => (a.sku < b.sku ? -1 : 1));
  }

  private write(
    tx: MemoryTx,
    orderId: string,
    status: ReservationStatus,
    lines: readonly Line[],
  ): void {
    const before = this.reservations.get(orderId);
    this.reservations.set(orderId, { status, lines });
    tx.undo(() =>
      before ? this.reservations.set(orderId, before) : this.reservations.delete(orderId),
    );
  }

  private add(
    tx: MemoryTx,
    sku: string,
    change: Partial<Record<'available' | 'reserved' | 'shipped', number>>,
  ): void {
    const before = this.stock.get(sku)!;
    const { available = 0, reserved = 0, shipped = 0 } = change;
    this.stock.set(sku, {
      ...before,
      available: before.available + available,
      reserved: before.reserved + reserved,
      shipped: before.shipped + shipped,
    });
    tx.undo(() => this.stock.set(sku, before));
  }
}
