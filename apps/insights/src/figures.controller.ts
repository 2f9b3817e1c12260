import { CustomerNotified } from '@contracts/notifications';
import { GetFigures } from '@contracts/insights';
import { OrderDelivered, OrderPlaced, OrderRejected } from '@contracts/orders';
import { Controller } from '@nestjs/common';
import { type HandlerContext, Handles, Subscription } from '@parley/messaging';
import { FiguresStore } from './figures.store';

/** Reads the stream from its beginning. */
@Controller()
@Subscription('figures', { from: 'beginning' })
export class FiguresController {
  constructor(private readonly store: FiguresStore) {}

  @Handles(OrderPlaced)
  placed({ orderId, total, lines }: OrderPlaced, { tx, envelope }: HandlerContext) {
    return this.store.learn(tx, { orderId, total, lines, placedAt: envelope.time });
  }

  @Handles(OrderDelivered)
  delivered({ orderId }: OrderDelivered, { tx, envelope }: HandlerContext) {
    return this.store.learn(tx, { orderId, outcome: 'delivered', finishedAt: envelope.time });
  }

  @Handles(OrderRejected)
  rejected({ orderId, reason }: OrderRejected, { tx, envelope }: HandlerContext) {
    return this.store.learn(tx, { orderId, outcome: 'rejected', finishedAt: envelope.time, reason });
  }

  @Handles(CustomerNotified)
  notified({ orderId }: CustomerNotified, { tx }: HandlerContext) {
    return this.store.learn(tx, { orderId, mails: 1 });
  }

  @Handles(GetFigures)
  figures(_request: GetFigures) {
    return this.store.figures();
  }
}
