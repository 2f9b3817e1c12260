import {
  GetOrder,
  type HistoryEntry,
  type Order,
  type OrderProgressed,
  type OrderStatus,
} from '@contracts/orders';
import { Injectable, type MessageEvent } from '@nestjs/common';
import { Messenger } from '@parley/messaging';
import { startTimer } from '@parley/resilience';
import { Observable } from 'rxjs';

/**
 * Broadcasts may be lost: so often a follower looks for itself. It also keeps idle connections
 * open.
 */
const LOOK_EVERY_MS = 10_000;

/**
 * Streams the progress of orders to readers. Broadcasts report new entries; when an entry's number
 * is missing, the order's history is read. A reader that reconnects names the last number that it
 * has.
 */
@Injectable()
export class OrderFeed {
  private readonly followers = new Map<string, Set<(progress: OrderProgressed) => void>>();

  constructor(private readonly messenger: Messenger) {}

  progressed(progress: OrderProgressed): void {
    for (const follower of this.followers.get(progress.orderId) ?? []) follower(progress);
  }

  /** Orders that have readers right now. */
  get watched(): number {
    return this.followers.size;
  }

  /**
   * History entries after `last`, then each new one, until the order is at its end.
   * @param left milliseconds after which the reader has to come back with a token that is still
   * good
   */
  follow(order: Order, last: number, left?: number): Observable<MessageEvent> {
    return new Observable((reader) => {
      let sent = Math.min(last, order.history.length);
      let looking = false;
      let missed = false;

      const send = (entry: HistoryEntry, status?: OrderStatus) => {
        if (entry.number !== sent + 1) return;
        sent = entry.number;
        reader.next({ id: String(entry.number), type: 'progress', data: { ...entry, status } });
        if (isOver(status)) reader.complete();
      };
      // The history does not say which status each of its entries led to, but for the last one.
      const sendAll = ({ history, status }: Order) => {
        for (const entry of history)
          send(entry, entry.number === history.length ? status : undefined);
        if (isOver(status) && sent >= history.length) reader.complete();
      };
      // One reading at a time. An entry that turns out to be missing meanwhile may be younger than
      // the answer: then the history is read once more.
      const look = async () => {
        missed = true;
        if (looking) return;
        looking = true;
        while (missed && !reader.closed) {
          missed = false;
          await this.messenger
            .call(GetOrder, { orderId: order.orderId })
            .then(sendAll, () => undefined);
        }
        looking = false;
      };

      const forget = this.listen(order.orderId, ({ entry, status }) =>
        entry.number > sent + 1 ? void look() : send(entry, status),
      );
      const timer = setInterval(
        () => (reader.next({ type: 'still-here', data: {} }), void look()),
        LOOK_EVERY_MS,
      );
      const stay = left === undefined ? () => undefined : startTimer(left, () => reader.complete());
      sendAll(order);
      void look(); // entries between reading the order and listening
      return () => (clearInterval(timer), stay(), forget());
    });
  }

  private listen(orderId: string, follower: (progress: OrderProgressed) => void): () => void {
    const followers = this.followers.get(orderId) ?? new Set();
    this.followers.set(orderId, followers.add(follower));
    return () => {
      followers.delete(follower);
      if (followers.size === 0) this.followers.delete(orderId);
    };
  }
}

const isOver = (status?: OrderStatus): boolean => status === 'delivered' || status === 'rejected';
