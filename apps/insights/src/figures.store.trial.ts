import { randomUUID } from 'node:crypto';
import type { Store } from '@parley/messaging';
import fc from 'fast-check';
import { figuresOf, type OrderFact } from './figures';
import type { FiguresStore } from './figures.store';

type Parts = {
  store: FiguresStore<never>;
  database: Pick<Store, 'transaction'>;
  clear(): Promise<void>;
  close?: () => Promise<void>;
};

const DAY = 86_400_000;
const START = Date.parse('2026-03-01T10:00:00.000Z');
const time = (milliseconds: number) => new Date(START + milliseconds).toISOString();

const line = fc
  .record({
    sku: fc.constantFrom('TEA-0001', 'TEA-0002', 'COF-0001'),
    quantity: fc.integer({ min: 1, max: 9 }),
  })
  .map(({ sku, quantity }) => ({
    sku,
    quantity,
    name: `the ${sku}`,
    price: 100,
    grams: 10,
  }));

/** An order as its whole life told it; some are still under way. */
const order = fc.record({
  lines: fc.uniqueArray(line, { minLength: 1, maxLength: 3, selector: ({ sku }) => sku }),
  total: fc.integer({ min: 0, max: 100_000_000 }),
  placedAt: fc.integer({ min: 0, max: DAY }),
  took: fc.integer({ min: 0, max: 40 * DAY }),
  end: fc.constantFrom('delivered' as const, 'rejected' as const, undefined),
  reason: fc.constantFrom('insufficient funds', 'limit', 'Zahlung abgelehnt', 'éclair'),
  mails: fc.integer({ min: 0, max: 3 }),
});

/** The same orders as events, each with a part of the facts. */
const figures = fc.array(order, { maxLength: 25 }).chain((orders) => {
  const facts = orders.flatMap(
    ({ lines, total, placedAt, took, end, reason, mails }): OrderFact[] => {
      const orderId = randomUUID();
      const finishedAt = time(placedAt + took);
      return [
        { orderId, lines, total, placedAt: time(placedAt) },
        ...(end === 'delivered' ? [{ orderId, outcome: end, finishedAt }] : []),
        ...(end === 'rejected' ? [{ orderId, outcome: end, finishedAt, reason }] : []),
        ...Array.from({ length: mails }, () => ({ orderId, mails: 1 })),
      ];
    },
  );
  return fc
    .shuffledSubarray(facts, { minLength: facts.length, maxLength: facts.length })
    .map((events) => ({ facts, events }));
});

/** The facts about each order after all events. */
function known(facts: readonly OrderFact[]): OrderFact[] {
  const orders = new Map<string, OrderFact>();
  for (const fact of facts) {
    const before = orders.get(fact.orderId);
    orders.set(fact.orderId, {
      ...before,
      ...fact,
      mails: (before?.mails ?? 0) + (fact.mails ?? 0),
    });
  }
  return [...orders.values()];
}

/** Promises of every FiguresStore. */
export function figuresStoreTrial(name: string, open: () => Promise<Parts>): void {
  describe(`the figures in ${name}`, () => {
    let parts: Parts;
    const learn = (fact: OrderFact) =>
      parts.database.transaction((tx) => parts.store.learn(tx as never, fact));

    beforeAll(async () => void (parts = await open()));
    afterAll(() => parts.close?.());
    beforeEach(() => parts.clear());

    it('are all zero before anything happened', async () => {
      expect(await parts.store.figures()).toEqual(figuresOf([]));
    });

    it('add up orders that came, ended and are under way', async () => {
      const [a, b, c] = [randomUUID(), randomUUID(), randomUUID()];
      const lines = [{ sku: 'TEA-0001', quantity: 3, name: 'Assam', price: 690, grams: 140 }];
      for (const orderId of [a, b, c])
        await learn({ orderId, lines, total: 2070, placedAt: time(0) });
      await learn({ orderId: a, outcome: 'delivered', finishedAt: time(2_000) });
      await learn({ orderId: b, outcome: 'rejected', finishedAt: time(1_000), reason: 'limit' });
      await learn({ orderId: a, mails: 1 });
      await learn({ orderId: a, mails: 1 });
      expect(await parts.store.figures()).toEqual({
        placed: 3,
        delivered: 1,
        rejected: 1,
        underWay: 1,
        revenue: 2070,
        mails: 2,
        duration: { p50: 1_000, p99: 2_000 },
        bestSellers: [{ sku: 'TEA-0001', name: 'Assam', pieces: 3 }],
        reasons: [{ reason: 'limit', orders: 1 }],
      });
    });

    it('count an end that was told before the order', async () => {
      const orderId = randomUUID();
      await learn({ orderId, mails: 1 });
      await learn({ orderId, outcome: 'delivered', finishedAt: time(500) });
      await learn({ orderId, lines: [], total: 10, placedAt: time(0) });
      expect(await parts.store.figures()).toMatchObject({
        placed: 1,
        delivered: 1,
        underWay: 0,
        revenue: 10,
        mails: 1,
        duration: { p50: 500 },
      });
    });

    it('stay right beyond what fits into 32 bits', async () => {
      for (let n = 0; n < 30; n++)
        await learn({
          orderId: randomUUID(),
          lines: [],
          total: 100_000_000,
          placedAt: time(0),
          outcome: 'delivered',
          finishedAt: time(60 * DAY),
        });
      expect(await parts.store.figures()).toMatchObject({
        revenue: 3_000_000_000,
        duration: { p50: 60 * DAY },
      });
    });

    it('count every mail of an order, also when they are told at the same time', async () => {
      const orderId = randomUUID();
      await Promise.all(Array.from({ length: 10 }, () => learn({ orderId, mails: 1 })));
      expect(await parts.store.figures()).toMatchObject({ mails: 10, placed: 0 });
    });

    it('learn many things at once, several of one order among them', async () => {
      const [a, b] = [randomUUID(), randomUUID()];
      await parts.database.transaction((tx) =>
        parts.store.learn(
          tx as never,
          { orderId: b, mails: 1 },
          { orderId: a, lines: [], total: 10, placedAt: time(0) },
          { orderId: b, mails: 1 },
          { orderId: a, outcome: 'delivered', finishedAt: time(500) },
        ),
      );
      await parts.database.transaction((tx) => parts.store.learn(tx as never));
      expect(await parts.store.figures()).toMatchObject({
        placed: 1,
        delivered: 1,
        revenue: 10,
        mails: 2,
        duration: { p50: 500 },
      });
    });

    it('forget what a transaction told that failed', async () => {
      const orderId = randomUUID();
      await learn({ orderId, mails: 1 });
      const failed = parts.database.transaction(async (tx) => {
        await parts.store.learn(tx as never, { orderId, mails: 1 });
        await parts.store.learn(tx as never, {
          orderId: randomUUID(),
          total: 1,
          lines: [],
          placedAt: time(0),
        });
        throw new Error('no');
      });
      await expect(failed).rejects.toThrow('no');
      expect(await parts.store.figures()).toMatchObject({ mails: 1, placed: 0 });
    });

    it('are the same in whatever order the events come, and the same as adding up by hand', async () => {
      await fc.assert(
        fc.asyncProperty(figures, async ({ facts, events: [...events] }) => {
          await parts.clear();
          await parts.database.transaction(async (tx) => {
            while (events.length > 0) await parts.store.learn(tx as never, ...events.splice(0, 7));
          });
          expect(await parts.store.figures()).toEqual(figuresOf(known(facts)));
        }),
        { numRuns: 25, interruptAfterTimeLimit: 20_000 },
      );
    }, 30_000);
  });
}
