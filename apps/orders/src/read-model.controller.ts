import { StockRejected, StockReleased, StockReserved } from '@contracts/inventory';
import {
  OrderDelivered,
  OrderProgressed,
  OrderRejected,
  type OrderStatus,
} from '@contracts/orders';
import { PaymentCaptured, PaymentDeclined, PaymentRefunded } from '@contracts/payments';
import {
  ParcelDispatched,
  ParcelMoved,
  ShipmentCancelled,
  ShipmentRefused,
} from '@contracts/shipping';
import { Controller } from '@nestjs/common';
import { type HandlerContext, Handles, Messenger, Subscription } from '@parley/messaging';
import { OrderStore } from './order.store';

/** Builds the order's view from the events of all services that work on it. */
@Controller()
@Subscription('read-model')
export class ReadModelController {
  constructor(
    private readonly orders: OrderStore,
    private readonly messenger: Messenger,
  ) {}

  @Handles(StockReserved)
  reserved({ orderId }: StockReserved, context: HandlerContext) {
    return this.advance(orderId, context, 'stock reserved', 'reserved');
  }

  @Handles(StockRejected)
  outOfStock({ orderId, sku, reason }: StockRejected, context: HandlerContext) {
    return this.advance(orderId, context, `no stock of ${sku}: ${reason}`);
  }

  @Handles(PaymentCaptured)
  paid({ orderId, amount }: PaymentCaptured, context: HandlerContext) {
    return this.advance(orderId, context, `payment of ${euros(amount)} captured`, 'paid');
  }

  @Handles(PaymentDeclined)
  declined({ orderId, reason }: PaymentDeclined, context: HandlerContext) {
    return this.advance(orderId, context, `payment declined: ${reason}`);
  }

  @Handles(ParcelDispatched)
  dispatched({ orderId, trackingNumber }: ParcelDispatched, context: HandlerContext) {
    return this.advance(
      orderId,
      context,
      `parcel ${trackingNumber} handed to the carrier`,
      'shipped',
    );
  }

  @Handles(ShipmentRefused)
  unshippable({ orderId, reason }: ShipmentRefused, context: HandlerContext) {
    return this.advance(orderId, context, `cannot be shipped: ${reason}`);
  }

  @Handles(ShipmentCancelled)
  cancelled({ orderId }: ShipmentCancelled, context: HandlerContext) {
    return this.advance(orderId, context, 'shipment cancelled');
  }

  @Handles(ParcelMoved)
  moved({ orderId, place }: ParcelMoved, context: HandlerContext) {
    return this.advance(orderId, context, `parcel seen in ${place}`);
  }

  @Handles(PaymentRefunded)
  refunded({ orderId, amount }: PaymentRefunded, context: HandlerContext) {
    return this.advance(
      orderId,
      context,
      amount > 0 ? `${euros(amount)} refunded` : 'nothing to refund',
    );
  }

  @Handles(StockReleased)
  released({ orderId }: StockReleased, context: HandlerContext) {
    return this.advance(orderId, context, 'stock released');
  }

  @Handles(OrderDelivered)
  delivered({ orderId }: OrderDelivered, context: HandlerContext) {
    return this.advance(orderId, context, 'order delivered', 'delivered');
  }

  @Handles(OrderRejected)
  rejected({ orderId, reason }: OrderRejected, context: HandlerContext) {
    return this.advance(orderId, context, `order rejected: ${reason}`, 'rejected');
  }

  private async advance(
    orderId: string,
    { envelope, tx }: HandlerContext,
    what: string,
    status?: OrderStatus,
  ): Promise<void> {
    const advanced = await this.orders.advance(tx, orderId, {
      what,
      by: envelope.source.slice(1),
      at: envelope.time,
      status,
    });
    if (advanced) await this.messenger.broadcast(OrderProgressed, { orderId, ...advanced });
  }
}

const euros = (cents: number): string => `€${(cents / 100).toFixed(2)}`;
