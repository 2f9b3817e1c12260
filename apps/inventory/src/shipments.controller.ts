import { ParcelDispatched } from '@contracts/shipping';
import { Controller } from '@nestjs/common';
import { type HandlerContext, Handles, Subscription } from '@parley/messaging';
import { StockStore } from './stock.store';

/** Takes shipped goods out of the stock. */
@Controller()
@Subscription('shipments')
export class ShipmentsController {
  constructor(private readonly stock: StockStore) {}

  @Handles(ParcelDispatched)
  dispatched({ orderId }: ParcelDispatched, { tx }: HandlerContext) {
    return this.stock.ship(tx, orderId);
  }
}
