import { randomUUID } from 'node:crypto';
import {
  OrderDelivered,
  OrderPlaced,
  OrderProgressed,
  OrderRejected,
  OrderShipped,
  PlaceOrder,
  type OrderAccepted,
} from '@contracts/orders';
import {
  CommandHandler,
  type ICommandHandler,
  type IQueryHandler,
  QueryHandler,
} from '@nestjs/cqrs';
import { CallError, Messenger, Transactions } from '@parley/messaging';
import { firstEntry } from './order';
import { CompleteOrder, RecordShipment, RejectOrder, TakeOrder } from './order.commands';
import { FindOrder, ListOrderPage } from './order.queries';
import { OrderStore } from './order.store';

@CommandHandler(TakeOrder)
class TakeOrderHandler implements ICommandHandler<TakeOrder> {
  constructor(
    private readonly orders: OrderStore,
    private readonly messenger: Messenger,
    private readonly transactions: Transactions,
  ) {}

  execute(command: TakeOrder): Promise<OrderAccepted> {
    const { idempotencyKey, fingerprint, customer, quote, token, account } = command;
    return this.transactions.run(async (tx) => {
      const orderId = randomUUID();
      const placedAt = new Date().toISOString();
      const known = await this.orders.take(tx, {
        orderId,
        idempotencyKey,
        fingerprint,
        customer,
        ...quote,
        placedAt,
        account,
      });
      if (known) return this.sameOrder(known.orderId, known.fingerprint, command);
      await this.messenger.publish(OrderPlaced, {
        orderId,
        customer,
        ...quote,
        payment: { token },
      });
      await this.messenger.broadcast(OrderProgressed, {
        orderId,
        status: 'placed',
        entry: firstEntry(placedAt),
      });
      return { orderId, status: 'placed' };
    });
  }

  private sameOrder(orderId: string, fingerprint: string, command: TakeOrder): OrderAccepted {
    if (fingerprint === command.fingerprint) return { orderId, status: 'placed' };
    throw new CallError(PlaceOrder, 'key-reused', { idempotencyKey: command.idempotencyKey });
  }
}

@CommandHandler(RecordShipment)
class RecordShipmentHandler implements ICommandHandler<RecordShipment> {
  constructor(
    private readonly orders: OrderStore,
    private readonly messenger: Messenger,
    private readonly transactions: Transactions,
  ) {}

  async execute({ orderId, trackingNumber }: RecordShipment): Promise<void> {
    const { customer, total } = await this.orders.find(this.transactions.current(), orderId);
    await this.messenger.publish(OrderShipped, { orderId, customer, total, trackingNumber });
  }
}

@CommandHandler(CompleteOrder)
class CompleteOrderHandler implements ICommandHandler<CompleteOrder> {
  constructor(
    private readonly orders: OrderStore,
    private readonly messenger: Messenger,
    private readonly transactions: Transactions,
  ) {}

  async execute({ orderId }: CompleteOrder): Promise<void> {
    const { total } = await this.orders.find(this.transactions.current(), orderId);
    await this.messenger.publish(OrderDelivered, { orderId, total });
  }
}

@CommandHandler(RejectOrder)
class RejectOrderHandler implements ICommandHandler<RejectOrder> {
  constructor(
    private readonly orders: OrderStore,
    private readonly messenger: Messenger,
    private readonly transactions: Transactions,
  ) {}

  async execute({ orderId, reason }: RejectOrder): Promise<void> {
    const { customer, total } = await this.orders.find(this.transactions.current(), orderId);
    await this.messenger.publish(OrderRejected, { orderId, customer, total, reason });
  }
}

@QueryHandler(FindOrder)
class FindOrderHandler implements IQueryHandler<FindOrder> {
  constructor(private readonly orders: OrderStore) {}

  execute({ orderId }: FindOrder) {
    return this.orders.view(orderId);
  }
}

@QueryHandler(ListOrderPage)
class ListOrderPageHandler implements IQueryHandler<ListOrderPage> {
  constructor(private readonly orders: OrderStore) {}

  execute({ filter }: ListOrderPage) {
    return this.orders.page(filter);
  }
}

export const orderHandlers = [
  TakeOrderHandler,
  RecordShipmentHandler,
  CompleteOrderHandler,
  RejectOrderHandler,
  FindOrderHandler,
  ListOrderPageHandler,
];
