import {
  ListStock,
  ReleaseStock,
  ReserveStock,
  StockRejected,
  StockReleased,
  StockReserved,
} from '@contracts/inventory';
import { Controller } from '@nestjs/common';
import { type HandlerContext, Handles, Messenger } from '@parley/messaging';
import { StockStore } from './stock.store';

@Controller()
export class StockController {
  constructor(
    private readonly stock: StockStore,
    private readonly messenger: Messenger,
  ) {}

  @Handles(ReserveStock)
  async reserve({ orderId, lines }: ReserveStock, { tx }: HandlerContext) {
    const reservation = await this.stock.reserve(tx, orderId, lines);
    // An order that was released before it was reserved has had its answer.
    if (reservation.outcome === 'known' && reservation.status === 'released') return;
    if (reservation.outcome === 'short')
      await this.messenger.publish(StockRejected, {
        orderId,
        sku: reservation.sku,
        reason: reservation.reason,
      });
    else await this.messenger.publish(StockReserved, { orderId });
  }

  @Handles(ReleaseStock)
  async release({ orderId }: ReleaseStock, { tx }: HandlerContext) {
    await this.stock.release(tx, orderId);
    await this.messenger.publish(StockReleased, { orderId });
  }

  @Handles(ListStock)
  async list(_request: ListStock) {
    return { levels: await this.stock.levels() };
  }
}
