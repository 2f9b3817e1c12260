import { randomUUID } from 'node:crypto';
import type { HistoryEntry, Order, OrderStatus } from '@contracts/orders';
import type { MessageEvent } from '@nestjs/common';
import type { Messenger } from '@parley/messaging';
import type { Subscription } from 'rxjs';
import { OrderFeed } from './order-feed';

const turn = () => new Promise(setImmediate);
const entry = (number: number): HistoryEntry => ({
  number,
  at: '2026-03-01T10:00:00.000Z',
  what: `thing ${number}`,
  by: 'orders',
});

/** Orders as another service keeps it; its broadcasts may be lost. */
class Orders {
  looks = 0;
  fails = false;
  private order: Order = {
    orderId: randomUUID(),
    status: 'placed',
    lines: [],
    total: 1,
    history: [entry(1)],
  };
  /** While set, answers wait for it; they hold the state of the time of the request. */
  slow?: Promise<void>;

  get now(): Order {
    return { ...this.order, history: [...this.order.history] };
  }

  happen(status: OrderStatus): { orderId: string; status: OrderStatus; entry: HistoryEntry } {
    const added = entry(this.order.history.length + 1);
    this.order = { ...this.order, status, history: [...this.order.history, added] };
    return { orderId: this.order.orderId, status, entry: added };
  }

  readonly messenger = {
    call: async () => {
      this.looks++;
      const answer = this.now;
      await this.slow;
      if (this.fails) throw new Error('orders is away');
      return answer;
    },
  } as unknown as Messenger;
}

/** A reader of the feed. */
class Reader {
  readonly received: MessageEvent[] = [];
  over = false;
  private readonly subscription: Subscription;

  constructor(feed: OrderFeed, order: Order, last = 0) {
    this.subscription = feed.follow(order, last).subscribe({
      next: (event) => this.received.push(event),
      complete: () => (this.over = true),
    });
  }

  get ids(): (string | undefined)[] {
    return this.received.filter(({ type }) => type === 'progress').map(({ id }) => id);
  }

  leave(): void {
    this.subscription.unsubscribe();
  }
}

describe('the feed of an order', () => {
  let orders: Orders;
  let feed: OrderFeed;

  beforeEach(() => {
    jest.useFakeTimers({
      doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'performance'],
    });
    orders = new Orders();
    feed = new OrderFeed(orders.messenger);
  });
  afterEach(() => {
    // nothing is left of a closed reader
    expect([feed.watched, jest.getTimerCount()]).toEqual([0, 0]);
    jest.useRealTimers();
  });

  it('tells what happened so far, then what happens', async () => {
    orders.happen('reserved');
    const reader = new Reader(feed, orders.now);
    await turn();
    expect(reader.ids).toEqual(['1', '2']);
    feed.progressed(orders.happen('paid'));
    expect(reader.received.at(-1)).toEqual({
      id: '3',
      type: 'progress',
      data: { ...entry(3), status: 'paid' },
    });
    reader.leave();
  });

  it('tells a status only where it is known', () => {
    orders.happen('reserved');
    const reader = new Reader(feed, orders.now);
    expect(reader.received.map(({ data }) => (data as { status?: string }).status)).toEqual([
      undefined,
      'reserved',
    ]);
    reader.leave();
  });

  it('goes on after the last one that a reader has', async () => {
    orders.happen('reserved');
    orders.happen('paid');
    const reader = new Reader(feed, orders.now, 2);
    await turn();
    expect(reader.ids).toEqual(['3']);
    reader.leave();
  });

  it('is not held up by a reader who claims to have more than there is', async () => {
    const reader = new Reader(feed, orders.now, 999);
    await turn();
    feed.progressed(orders.happen('reserved'));
    expect(reader.ids).toEqual(['2']);
    reader.leave();
  });

  it('tells what happened between reading the order and listening', async () => {
    const before = orders.now;
    orders.happen('reserved'); // its broadcast came before the reader listened
    const reader = new Reader(feed, before);
    await turn();
    expect(reader.ids).toEqual(['1', '2']);
    reader.leave();
  });

  it('tells each thing once, in order, however often and late it is broadcast', async () => {
    const reader = new Reader(feed, orders.now);
    await turn();
    const [second, third] = [orders.happen('reserved'), orders.happen('paid')];
    for (const progress of [second, second, third, second, third]) feed.progressed(progress);
    await turn();
    expect(reader.ids).toEqual(['1', '2', '3']);
    reader.leave();
  });

  it('looks for itself when a number is missing', async () => {
    const reader = new Reader(feed, orders.now);
    await turn();
    orders.happen('reserved'); // lost
    feed.progressed(orders.happen('paid'));
    await turn();
    expect(reader.ids).toEqual(['1', '2', '3']);
    reader.leave();
  });

  it('looks once more when a number turns out to be missing while it looks', async () => {
    let answer!: () => void;
    orders.slow = new Promise((resolve) => (answer = resolve));
    const reader = new Reader(feed, orders.now); // looks, and sees one entry
    orders.happen('reserved'); // lost
    feed.progressed(orders.happen('paid'));
    answer();
    await turn();
    expect(reader.ids).toEqual(['1', '2', '3']);
    expect(orders.looks).toBe(2);
    reader.leave();
  });

  it('looks again after a while, when the last broadcast was lost or orders was away', async () => {
    orders.fails = true;
    const reader = new Reader(feed, orders.now);
    await turn();
    orders.happen('reserved'); // lost
    orders.fails = false;
    jest.advanceTimersByTime(10_000);
    await turn();
    expect(reader.ids).toEqual(['1', '2']);
    reader.leave();
  });

  it('says from time to time that it is still there, without a number', async () => {
    const reader = new Reader(feed, orders.now);
    jest.advanceTimersByTime(30_000);
    await turn();
    expect(reader.received.filter(({ type }) => type === 'still-here')).toEqual(
      Array(3).fill({ type: 'still-here', data: {} }),
    );
    reader.leave();
  });

  it.each(['delivered', 'rejected'] as const)('ends when the order is %s', async (status) => {
    const reader = new Reader(feed, orders.now);
    await turn();
    feed.progressed(orders.happen(status));
    expect([reader.ids, reader.over]).toEqual([['1', '2'], true]);
  });

  it('ends at once for an order that is over, after what the reader does not have yet', () => {
    orders.happen('rejected');
    const late = new Reader(feed, orders.now, 1);
    expect([late.ids, late.over]).toEqual([['2'], true]);
    const again = new Reader(feed, orders.now, 2);
    expect([again.ids, again.over]).toEqual([[], true]);
    expect(orders.looks).toBe(0);
  });

  it('ends when the end itself was lost', async () => {
    const reader = new Reader(feed, orders.now);
    await turn();
    orders.happen('reserved');
    orders.happen('delivered');
    jest.advanceTimersByTime(10_000);
    await turn();
    expect([reader.ids, reader.over]).toEqual([['1', '2', '3'], true]);
  });

  it('tells every reader of an order, and nobody of another', async () => {
    const elsewhere = new Orders();
    const readers = [
      new Reader(feed, orders.now),
      new Reader(feed, orders.now),
      new Reader(feed, elsewhere.now),
    ];
    await turn();
    readers[0]!.leave();
    feed.progressed(orders.happen('reserved'));
    expect(readers.map(({ ids }) => ids.length)).toEqual([1, 2, 1]);
    for (const reader of readers) reader.leave();
  });

  it('forgets a reader who leaves while it looks', async () => {
    let answer!: () => void;
    orders.slow = new Promise((resolve) => (answer = resolve));
    const reader = new Reader(feed, orders.now);
    orders.happen('reserved');
    reader.leave();
    answer();
    await turn();
    expect(reader.ids).toEqual(['1']);
  });
});
