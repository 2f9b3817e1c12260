import { CustomerNotified } from '@contracts/notifications';
import { GetFigures } from '@contracts/insights';
import { OrderDelivered, OrderPlaced, OrderRejected } from '@contracts/orders';
import { Controller } from '@nestjs/common';
import { type BatchContext, Handles, Subscription } from '@parley/messaging';
import { FiguresStore } from './figures.store';

/** A commit costs more than a row: facts that are there together are stored together. */
const TOGETHER = { batch: 50 };

/** Reads the stream from its beginning. */
@Controller()
@Subscription('figures', { from: 'beginning' })
export class FiguresController {
  constructor(private readonly store: FiguresStore) {}

  @Handles(OrderPlaced, TOGETHER)
  placed(orders: OrderPlaced[], { tx, envelopes }: BatchContext) {
    return this.store.learn(
      tx,
      ...orders.map(({ orderId, total, lines }, n) => ({
        orderId,
        total,
        lines,
        placedAt: envelopes[n]!.time,
      })),
    );
  }

  @Handles(OrderDelivered, TOGETHER)
  delivered(orders: OrderDelivered[], { tx, envelopes }: BatchContext) {
    return this.store.learn(
      tx,
      ...orders.map(({ orderId }, n) => ({
        orderId,
        outcome: 'delivered' as const,
        finishedAt: envelopes[n]!.time,
      })),
    );
  }

  @Handles(OrderRejected, TOGETHER)
  rejected(orders: OrderRejected[], { tx, envelopes }: BatchContext) {
    return this.store.learn(
      tx,
      ...orders.map(({ orderId, reason }, n) => ({
        orderId,
        outcome: 'rejected' as const,
        finishedAt: envelopes[n]!.time,
        reason,
      })),
    );
  }

  @Handles(CustomerNotified, TOGETHER)
  notified(mails: CustomerNotified[], { tx }: BatchContext) {
    return this.store.learn(tx, ...mails.map(({ orderId }) => ({ orderId, mails: 1 })));
  }

  @Handles(GetFigures)
  figures(_request: GetFigures) {
    return this.store.figures();
  }
}
