import { PriceChanged } from '@contracts/catalog';
import { OrderProgressed } from '@contracts/orders';
import { Controller } from '@nestjs/common';
import { Handles } from '@parley/messaging';
import { OrderFeed } from './order-feed';
import { Prices } from './prices';

/** Broadcasts that every instance of the edge receives. */
@Controller()
export class BroadcastsController {
  constructor(
    private readonly prices: Prices,
    private readonly feed: OrderFeed,
  ) {}

  @Handles(PriceChanged)
  priceChanged(change: PriceChanged) {
    this.prices.changed(change);
  }

  @Handles(OrderProgressed)
  orderProgressed(progress: OrderProgressed) {
    this.feed.progressed(progress);
  }
}
