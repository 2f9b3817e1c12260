import type { Account, ExportedOrder, ListOrders, Order, OrderStatus } from '@contracts/orders';
import type { MemoryTx } from '@parley/memory';
import { cursorOf, firstEntry, isFinal, later, type Progress, readCursor } from './order';
import type { OrderPage, OrderSummary } from './order.queries';
import { type Advanced, NONE, OrderStore, type TakenOrder, UnknownOrderError } from './order.store';

interface View extends Order {
  readonly placedAt: string;
  readonly finishedAt?: string;
}

/** The twin of SqlOrderStore, for tests and simulation. */
export class MemoryOrderStore extends OrderStore<MemoryTx> {
  private readonly orders = new Map<string, TakenOrder>();
  private readonly views = new Map<string, View>();

  async take(tx: MemoryTx, order: TakenOrder): Promise<TakenOrder | undefined> {
    const known = await this.byKey(order.idempotencyKey);
    if (known) return known;
    const { orderId, placedAt, lines, total, account } = order;
    this.orders.set(orderId, order);
    this.views.set(orderId, {
      orderId,
      status: 'placed',
      lines: [...lines],
      total,
      history: [firstEntry(placedAt)],
      placedAt,
      account,
    });
    tx.undo(() => (this.orders.delete(orderId), this.views.delete(orderId)));
    return undefined;
  }

  async byKey(idempotencyKey: string): Promise<TakenOrder | undefined> {
    return [...this.orders.values()].find((order) => order.idempotencyKey === idempotencyKey);
  }

  async find(_tx: MemoryTx, orderId: string): Promise<TakenOrder> {
    const order = this.orders.get(orderId);
    if (!order) throw new UnknownOrderError(orderId);
    return order;
  }

  async advance(
    tx: MemoryTx,
    orderId: string,
    { what, by, at, status }: Progress,
  ): Promise<Advanced | undefined> {
    const view = this.views.get(orderId);
    if (!view) return undefined;
    const entry = { number: view.history.length + 1, at, what, by };
    const reached = later(view.status, status);
    this.views.set(orderId, {
      ...view,
      status: reached,
      history: [...view.history, entry],
      finishedAt: view.finishedAt ?? (isFinal(reached) ? at : undefined),
    });
    tx.undo(() => this.views.set(orderId, view));
    return { status: reached, entry };
  }

  async view(orderId: string): Promise<Order | undefined> {
    const view = this.views.get(orderId);
    return (
      view && {
        orderId,
        status: view.status,
        lines: view.lines,
        total: view.total,
        history: view.history,
        account: view.account,
      }
    );
  }

  async page({ status, limit, before, account }: ListOrders): Promise<OrderPage> {
    const from = before === undefined ? undefined : readCursor(before);
    const all = [...this.views.values()].filter(
      (view) => account === undefined || view.account === account,
    );
    const orders = all
      .filter((view) => status === undefined || view.status === status)
      .map(summary)
      .sort((a, b) => (cursorOf(a) < cursorOf(b) ? 1 : -1))
      .filter((order) => !from || cursorOf(order) < cursorOf(from))
      .slice(0, limit);
    const last = orders.at(-1);
    const counts = { ...NONE } as Record<OrderStatus, number>;
    for (const view of all) counts[view.status]++;
    return { orders, next: orders.length === limit && last ? cursorOf(last) : undefined, counts };
  }

  async exported(
    account: Account | undefined,
    limit: number,
    after = '',
  ): Promise<readonly ExportedOrder[]> {
    return [...this.views.values()]
      .filter((view) => account === undefined || view.account === account)
      .sort((a, b) => (cursorOf(a) < cursorOf(b) ? -1 : 1))
      .filter((view) => cursorOf(view) > after)
      .slice(0, limit)
      .map(({ account: _, ...view }) => ({
        ...view,
        ...(account !== undefined && { customer: this.orders.get(view.orderId)!.customer }),
      }));
  }
}

const summary = ({ orderId, status, total, placedAt, finishedAt }: View): OrderSummary => ({
  orderId,
  status,
  total,
  placedAt,
  finishedAt,
});
