import type { ListOrders, Order, OrderStatus } from '@contracts/orders';
import { Query } from '@nestjs/cqrs';

export class FindOrder extends Query<Order | undefined> {
  constructor(readonly orderId: string) {
    super();
  }
}

export interface OrderSummary {
  readonly orderId: string;
  readonly status: OrderStatus;
  readonly total: number;
  readonly placedAt: string;
  readonly finishedAt?: string;
}

export interface OrderPage {
  readonly orders: OrderSummary[];
  readonly next?: string;
  readonly counts: Record<OrderStatus, number>;
}

export class ListOrderPage extends Query<OrderPage> {
  constructor(readonly filter: ListOrders) {
    super();
  }
}
