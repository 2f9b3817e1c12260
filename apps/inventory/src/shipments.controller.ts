import { ParcelDispatched } from '@contracts/shipping';
import { Controller } from '@nestjs/common';
import { type HandlerContext, Handles, Subscription } from '@parley/messaging';
import { StockStore } from './stock.store';

/** What leaves the house leaves the stock. */
@Controller()
@Subscription('shipments')
export class ShipmentsController {
  constructor(private readonly stock: StockStore) {}

  @Handles(ParcelDispatched)
  dispatched({ orderId }: ParcelDispatched, { tx }: HandlerContext) {
    return this.stock.ship(tx, orderId);
  }
}
