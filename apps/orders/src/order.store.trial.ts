import { randomUUID } from 'node:crypto';
import type { OrderStatus } from '@contracts/orders';
import type { Store } from '@parley/messaging';
import { cursorOf } from './order';
import type { OrderStore, TakenOrder } from './order.store';

type Transaction = <T>(work: (tx: never) => Promise<T>) => Promise<T>;
type Open = () => Promise<{
  store: OrderStore<never>;
  database: Pick<Store, 'transaction'>;
  close?: () => Promise<void>;
}>;

const AT = '2026-03-01T10:00:00.000Z';

const anOrder = (change: Partial<TakenOrder> = {}): TakenOrder => ({
  orderId: randomUUID(),
  idempotencyKey: randomUUID(),
  fingerprint: 'f',
  customer: {
    name: 'Ada',
    email: 'ada@example.org',
    address: { line1: '1 Mill Lane', city: 'Bath', postcode: 'BA1', country: 'GB' },
  },
  lines: [{ sku: 'TEA-0001', quantity: 2, name: 'Assam', price: 450, grams: 120 }],
  total: 900,
  placedAt: AT,
  ...change,
});

/** Promises of every OrderStore. */
export function orderStoreTrial(name: string, open: Open): void {
  describe(`the order store in ${name}`, () => {
    let store: OrderStore<never>;
    let transaction: Transaction;
    let close: (() => Promise<void>) | undefined;
    const take = (order: TakenOrder) => transaction((tx) => store.take(tx, order));
    const advance = (orderId: string, what: string, status?: OrderStatus, at = AT) =>
      transaction((tx) => store.advance(tx, orderId, { what, by: 'inventory', at, status }));

    const begin = async () => {
      const opened = await open();
      ({ store, close } = opened);
      transaction = (work) => opened.database.transaction((tx) => work(tx as never));
    };
    const end = () => close?.();

    describe('taking and advancing', () => {
      beforeAll(begin);
      afterAll(end);

      it('takes an order as it is, and shows it placed', async () => {
        const order = anOrder();
        expect(await take(order)).toBeUndefined();
        expect(await store.byKey(order.idempotencyKey)).toEqual(order);
        expect(await transaction((tx) => store.find(tx, order.orderId))).toEqual(order);
        expect(await store.view(order.orderId)).toEqual({
          orderId: order.orderId,
          status: 'placed',
          lines: order.lines,
          total: 900,
          history: [{ number: 1, at: AT, what: 'order placed', by: 'orders' }],
        });
      });

      it('keeps whose an order is', async () => {
        const order = anOrder({ account: 'ada' });
        await take(order);
        expect(await store.byKey(order.idempotencyKey)).toEqual(order);
        await advance(order.orderId, 'stock reserved', 'reserved');
        expect(await store.view(order.orderId)).toMatchObject({
          account: 'ada',
          status: 'reserved',
        });
      });

      it('takes one order a key: the second gets the first one back, and is not kept', async () => {
        const first = anOrder();
        const second = anOrder({ idempotencyKey: first.idempotencyKey, total: 1 });
        await take(first);
        expect(await take(second)).toEqual(first);
        expect(await store.view(second.orderId)).toBeUndefined();
      });

      it('takes one of many that come with one key at the same time', async () => {
        const idempotencyKey = randomUUID();
        const orders = Array.from({ length: 12 }, () => anOrder({ idempotencyKey }));
        const answers = await Promise.all(orders.map(take));
        const winner = orders[answers.indexOf(undefined)]!;
        expect(answers.filter((answer) => answer !== undefined)).toEqual(Array(11).fill(winner));
        const kept = await Promise.all(orders.map(({ orderId }) => store.view(orderId)));
        expect(kept.filter((view) => view !== undefined)).toHaveLength(1);
      });

      it('forgets an order whose transaction failed, and its key', async () => {
        const order = anOrder();
        const failed = transaction(async (tx) => {
          await store.take(tx, order);
          await store.advance(tx, order.orderId, {
            what: 'stock reserved',
            by: 'inventory',
            at: AT,
            status: 'reserved',
          });
          throw new Error('no');
        });
        await expect(failed).rejects.toThrow('no');
        expect(await store.view(order.orderId)).toBeUndefined();
        expect(await take(anOrder({ idempotencyKey: order.idempotencyKey }))).toBeUndefined();
      });

      it('knows no order that was never taken', async () => {
        const orderId = randomUUID();
        await expect(transaction((tx) => store.find(tx, orderId))).rejects.toThrow(
          `there is no order ${orderId}`,
        );
        expect(await store.view(orderId)).toBeUndefined();
        expect(await store.byKey('never used')).toBeUndefined();
        expect(await advance(orderId, 'stock reserved', 'reserved')).toBeUndefined();
      });

      it('tells what a view became', async () => {
        const { orderId } = await placed();
        expect(await advance(orderId, 'stock reserved', 'reserved')).toEqual({
          status: 'reserved',
          entry: { number: 2, at: AT, what: 'stock reserved', by: 'inventory' },
        });
        expect((await store.view(orderId))?.history.map(({ what }) => what)).toEqual([
          'order placed',
          'stock reserved',
        ]);
      });

      it('numbers the history without gaps when many things happen at the same time', async () => {
        const { orderId } = await placed();
        const advanced = await Promise.all(
          Array.from({ length: 20 }, (_, n) => advance(orderId, `thing ${n}`)),
        );
        const numbers = Array.from({ length: 20 }, (_, n) => n + 2);
        expect(advanced.map((one) => one!.entry.number).sort((a, b) => a - b)).toEqual(numbers);
        expect((await store.view(orderId))?.history.map(({ number }) => number)).toEqual([
          1,
          ...numbers,
        ]);
      });

      it('never lets a status go back, and keeps what came late in the history', async () => {
        const { orderId } = await placed();
        await advance(orderId, 'payment captured', 'paid');
        expect(await advance(orderId, 'stock reserved', 'reserved')).toMatchObject({
          status: 'paid',
        });
        await advance(orderId, 'order rejected', 'rejected');
        expect(await advance(orderId, 'order delivered', 'delivered')).toMatchObject({
          status: 'rejected',
        });
        expect(await store.view(orderId)).toMatchObject({
          status: 'rejected',
          history: { length: 5 },
        });
      });

      it('leaves a view as it was when the transaction fails', async () => {
        const { orderId } = await placed();
        const failed = transaction(async (tx) => {
          await store.advance(tx, orderId, {
            what: 'stock reserved',
            by: 'inventory',
            at: AT,
            status: 'reserved',
          });
          throw new Error('no');
        });
        await expect(failed).rejects.toThrow('no');
        expect(await store.view(orderId)).toMatchObject({
          status: 'placed',
          history: { length: 1 },
        });
      });

      const placed = async () => {
        const order = anOrder();
        await take(order);
        return order;
      };
    });

    describe('the list of orders', () => {
      const at = (minute: number) => `2026-03-01T10:0${minute}:00.000Z`;
      let orders: TakenOrder[];

      beforeAll(async () => {
        await begin();
        // Three of them were placed in the same millisecond.
        orders = [0, 1, 1, 1, 2].map((minute) => anOrder({ placedAt: at(minute) }));
        for (const order of orders) await take(order);
        await advance(orders[0]!.orderId, 'order delivered', 'delivered', at(5));
        await advance(orders[0]!.orderId, 'parcel seen in Bath', undefined, at(6));
        await advance(orders[4]!.orderId, 'order rejected', 'rejected', at(7));
      });
      afterAll(end);

      const newestFirst = () =>
        orders
          .map(({ placedAt, orderId }) => `${placedAt} ${orderId}`)
          .sort()
          .reverse()
          .map((one) => one.split(' ')[1]);
      const idsOf = (page: { orders: readonly { orderId: string }[] }) =>
        page.orders.map(({ orderId }) => orderId);

      it('is newest first', async () => {
        const page = await store.page({ limit: 50 });
        expect(idsOf(page)).toEqual(newestFirst());
        expect(page.next).toBeUndefined();
      });

      it('tells when each was placed and when it ended, whatever came after', async () => {
        const { orders: all } = await store.page({ limit: 50 });
        expect(all.at(-1)).toEqual({
          orderId: orders[0]!.orderId,
          status: 'delivered',
          total: 900,
          placedAt: at(0),
          finishedAt: at(5),
        });
        expect(all[1]).toMatchObject({ status: 'placed', finishedAt: undefined });
      });

      it('is handed out page by page, each order once, also those of one moment', async () => {
        const seen: string[] = [];
        let before: string | undefined;
        do {
          const page = await store.page({ limit: 2, before });
          seen.push(...idsOf(page));
          before = page.next;
        } while (before !== undefined);
        expect(seen).toEqual(newestFirst());
      });

      it('can be asked for one status, and always counts them all', async () => {
        const page = await store.page({ limit: 50, status: 'delivered' });
        expect(idsOf(page)).toEqual([orders[0]!.orderId]);
        expect(page.counts).toEqual({
          placed: 3,
          reserved: 0,
          paid: 0,
          shipped: 0,
          delivered: 1,
          rejected: 1,
        });
      });

      it('can be exported, oldest first, page by page, without customers', async () => {
        const first = await store.exported(undefined, 3);
        const rest = await store.exported(undefined, 50, cursorOf(first.at(-1)!));
        expect([...first, ...rest].map(({ orderId }) => orderId)).toEqual(newestFirst().reverse());
        expect(first[0]).toEqual({
          orderId: orders[0]!.orderId,
          status: 'delivered',
          lines: orders[0]!.lines,
          total: 900,
          history: expect.arrayContaining([expect.objectContaining({ number: 1 })]),
          placedAt: at(0),
          finishedAt: at(5),
        });
      });

      it('can be exported for one account, with its customer', async () => {
        const own = anOrder({ placedAt: at(2), account: 'grace' });
        for (const order of [own, anOrder({ account: 'grace ' })]) await take(order);
        expect(await store.exported('grace', 50)).toMatchObject([
          { orderId: own.orderId, customer: own.customer },
        ]);
        expect(await store.exported('nobody', 50)).toEqual([]);
      });

      it('can be asked for one account, page by page, and then counts its orders only', async () => {
        const theirs = [3, 4].map((minute) => anOrder({ placedAt: at(minute), account: 'ada' }));
        for (const order of [...theirs, anOrder({ account: 'ada ' })]) await take(order);
        const first = await store.page({ limit: 1, account: 'ada' });
        const second = await store.page({ limit: 2, account: 'ada', before: first.next });
        expect([...idsOf(first), ...idsOf(second)]).toEqual([
          theirs[1]!.orderId,
          theirs[0]!.orderId,
        ]);
        expect(first.counts).toEqual({
          placed: 2,
          reserved: 0,
          paid: 0,
          shipped: 0,
          delivered: 0,
          rejected: 0,
        });
        expect(await store.page({ limit: 50, account: 'ada', status: 'delivered' })).toMatchObject({
          orders: [],
        });
        expect(await store.page({ limit: 50, account: 'nobody' })).toMatchObject({
          orders: [],
          counts: { placed: 0 },
        });
      });
    });
  });
}
