import { randomUUID } from 'node:crypto';
import type { Line } from '@contracts/catalog';
import type { Store } from '@parley/messaging';
import type { StockStore } from './stock.store';

type Transaction = <T>(work: (tx: never) => Promise<T>) => Promise<T>;
type Shelves = readonly { readonly sku: string; readonly pieces: number }[];

const PIECES = 10;
const shelves: Shelves = Array.from({ length: 60 }, (_, n) => ({
  sku: `TRY-${String(n).padStart(4, '0')}`,
  pieces: PIECES,
}));

/** Promises of every StockStore. */
export function stockStoreTrial(
  name: string,
  open: (shelves: Shelves) => Promise<{
    store: StockStore<never>;
    database: Pick<Store, 'transaction'>;
    close?: () => Promise<void>;
  }>,
): void {
  describe(`the stock in ${name}`, () => {
    let store: StockStore<never>;
    let transaction: Transaction;
    let close: (() => Promise<void>) | undefined;
    /** Each test has products of its own. */
    let next = 0;
    const product = () => shelves[next++]!.sku;
    const reserve = (lines: readonly Line[], orderId: string = randomUUID()) =>
      transaction((tx) => store.reserve(tx, orderId, lines));
    const release = (orderId: string) => transaction((tx) => store.release(tx, orderId));
    const ship = (orderId: string) => transaction((tx) => store.ship(tx, orderId));
    const reserved = async (lines: readonly Line[]) => {
      const orderId = randomUUID();
      expect(await reserve(lines, orderId)).toEqual({ outcome: 'reserved' });
      return orderId;
    };
    const levelOf = async (sku: string) => {
      const level = (await store.levels()).find((one) => one.sku === sku)!;
      return [level.available, level.reserved, level.shipped];
    };

    beforeAll(async () => {
      const opened = await open(shelves);
      ({ store, close } = opened);
      transaction = (work) => opened.database.transaction((tx) => work(tx as never));
    });
    afterAll(() => close?.());
    afterEach(async () => {
      const levels = await store.levels();
      expect(levels).toHaveLength(shelves.length);
      for (const { initial, available, reserved, shipped } of levels) {
        expect(Math.min(available, reserved, shipped)).toBeGreaterThanOrEqual(0);
        expect(available + reserved + shipped).toBe(initial);
      }
    });

    it('reserves all lines of an order', async () => {
      const [a, b] = [product(), product()];
      await reserved([
        { sku: a, quantity: 3 },
        { sku: b, quantity: PIECES },
      ]);
      expect(await levelOf(a)).toEqual([7, 3, 0]);
      expect(await levelOf(b)).toEqual([0, PIECES, 0]);
    });

    it('reserves nothing when one line cannot be filled, and names it', async () => {
      const [a, b] = [product(), product()];
      expect(
        await reserve([
          { sku: a, quantity: 3 },
          { sku: b, quantity: PIECES + 1 },
        ]),
      ).toEqual({ outcome: 'short', sku: b, reason: '11 wanted, 10 left' });
      expect(
        await reserve([
          { sku: a, quantity: 3 },
          { sku: 'TRY-9999', quantity: 1 },
        ]),
      ).toMatchObject({ outcome: 'short', sku: 'TRY-9999' });
      expect(await levelOf(a)).toEqual([PIECES, 0, 0]);
    });

    it('reserves once, however often it is asked', async () => {
      const sku = product();
      const orderId = await reserved([{ sku, quantity: 3 }]);
      expect(await reserve([{ sku, quantity: 3 }], orderId)).toEqual({
        outcome: 'known',
        status: 'reserved',
      });
      expect(await levelOf(sku)).toEqual([7, 3, 0]);
    });

    it('gives back what was reserved, once', async () => {
      const sku = product();
      const orderId = await reserved([{ sku, quantity: 3 }]);
      await release(orderId);
      await release(orderId);
      expect(await levelOf(sku)).toEqual([PIECES, 0, 0]);
      expect(await reserve([{ sku, quantity: 3 }], orderId)).toEqual({
        outcome: 'known',
        status: 'released',
      });
    });

    it('reserves nothing for an order that was released before', async () => {
      const sku = product();
      const orderId = randomUUID();
      await release(orderId);
      await release(orderId);
      expect(await reserve([{ sku, quantity: 3 }], orderId)).toEqual({
        outcome: 'known',
        status: 'released',
      });
      expect(await levelOf(sku)).toEqual([PIECES, 0, 0]);
    });

    it('lets what was reserved leave, once, and not come back', async () => {
      const sku = product();
      const orderId = await reserved([{ sku, quantity: 3 }]);
      await ship(orderId);
      await ship(orderId);
      await release(orderId);
      expect(await levelOf(sku)).toEqual([7, 0, 3]);
    });

    it('ships nothing that was not reserved', async () => {
      const sku = product();
      await ship(randomUUID());
      const orderId = await reserved([{ sku, quantity: 3 }]);
      await release(orderId);
      await ship(orderId);
      expect(await levelOf(sku)).toEqual([PIECES, 0, 0]);
    });

    it('forgets what a transaction did that failed', async () => {
      const sku = product();
      const orderId = randomUUID();
      const failed = transaction(async (tx) => {
        await store.reserve(tx, orderId, [{ sku, quantity: 3 }]);
        await store.ship(tx, orderId);
        throw new Error('no');
      });
      await expect(failed).rejects.toThrow('no');
      expect(await levelOf(sku)).toEqual([PIECES, 0, 0]);
      expect(await reserve([{ sku, quantity: 4 }], orderId)).toEqual({ outcome: 'reserved' });
    });

    it('keeps nothing for orders that are released while they are being reserved', async () => {
      const sku = product();
      const orders = Array.from({ length: PIECES }, () => randomUUID());
      const refused = (error: Error) => expect(error.message).toContain('duplicate key');
      await Promise.all(
        orders.flatMap((orderId) => [
          reserve([{ sku, quantity: 1 }], orderId).then(() => undefined, refused),
          release(orderId),
        ]),
      );
      expect(await levelOf(sku)).toEqual([PIECES, 0, 0]);
    });

    it('never promises the last pieces twice to 50 who ask at the same time', async () => {
      const sku = product();
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => reserve([{ sku, quantity: 1 }])),
      );
      expect(answers.filter(({ outcome }) => outcome === 'reserved')).toHaveLength(PIECES);
      expect(answers.filter(({ outcome }) => outcome === 'short')).toEqual(
        Array(40).fill({ outcome: 'short', sku, reason: 'sold out' }),
      );
      expect(await levelOf(sku)).toEqual([0, PIECES, 0]);
    });

    it('keeps all or none when 50 orders of two lines want the same pieces', async () => {
      const [a, b] = [product(), product()];
      const lines = (n: number): Line[] => [
        { sku: a, quantity: 1 + (n % 3) },
        { sku: b, quantity: 2 },
      ];
      const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => reserve(lines(n))));
      const filled = answers.filter(({ outcome }) => outcome === 'reserved').length;
      expect(filled).toBeGreaterThan(0);
      expect(await levelOf(b)).toEqual([PIECES - 2 * filled, 2 * filled, 0]);
    });

    it('goes on when orders that share products ask in different order, while others are released and shipped', async () => {
      const skus = [product(), product(), product(), product()];
      const turned = (n: number): Line[] =>
        skus.map((_, at) => ({ sku: skus[(at + n) % skus.length]!, quantity: 1 }));
      const both = (n: number) => (n % 2 ? turned(n) : turned(n).reverse());
      const rounds = Array.from({ length: 60 }, async (_, n) => {
        const orderId = randomUUID();
        const { outcome } = await reserve(both(n), orderId);
        if (outcome === 'reserved') await (n % 3 ? release(orderId) : ship(orderId));
        return outcome;
      });
      expect(new Set(await Promise.all(rounds))).toContain('reserved');
      for (const sku of skus) expect(await levelOf(sku)).toEqual(await levelOf(skus[0]!));
    });

    it('settles one order once when it is released and shipped at the same time', async () => {
      const sku = product();
      const orders = await Promise.all(
        Array.from({ length: PIECES }, () => reserved([{ sku, quantity: 1 }])),
      );
      await Promise.all(
        orders.flatMap((orderId) => [release(orderId), ship(orderId), release(orderId)]),
      );
      const [available, stillReserved, shipped] = await levelOf(sku);
      expect(stillReserved).toBe(0);
      expect(available! + shipped!).toBe(PIECES);
    });
  });
}
