import type { Store } from '@parley/messaging';
import type { ProductStore } from './product.store';
import { products } from './products';

type Transaction = <T>(work: (tx: never) => Promise<T>) => Promise<T>;

/** Promises of every ProductStore that holds the products of the first day. */
export function productStoreTrial(
  name: string,
  open: () => Promise<{
    store: ProductStore<never>;
    database: Pick<Store, 'transaction'>;
    close?: () => Promise<void>;
  }>,
): void {
  describe(`the products in ${name}`, () => {
    let store: ProductStore<never>;
    let transaction: Transaction;
    let close: (() => Promise<void>) | undefined;
    const reprice = (sku: string, price: number) =>
      transaction((tx) => store.reprice(tx, sku, price));
    const priceOf = async (sku: string) => (await store.find([sku]))[0]?.price;

    beforeAll(async () => {
      const opened = await open();
      ({ store, close } = opened);
      transaction = (work) => opened.database.transaction((tx) => work(tx as never));
    });
    afterAll(() => close?.());

    it('are all there, by their numbers', async () => {
      expect(await store.find()).toEqual([...products].sort((a, b) => (a.sku < b.sku ? -1 : 1)));
    });

    it('are found by number, each once, and nothing is found for what nobody sells', async () => {
      const found = await store.find(['TEA-0002', 'TEA-9999', 'TEA-0001', 'TEA-0001']);
      expect(found.map(({ sku }) => sku)).toEqual(['TEA-0001', 'TEA-0002']);
      expect(await store.find([])).toEqual([]);
    });

    it('get a new price, and tell the one before', async () => {
      expect(await reprice('TEA-0003', 1)).toBe(990);
      expect(await reprice('TEA-0003', 990)).toBe(1);
      expect(await priceOf('TEA-0003')).toBe(990);
    });

    it('cannot get a price when nobody sells them', async () => {
      expect(await reprice('TEA-9999', 1)).toBeUndefined();
      expect(await store.find(['TEA-9999'])).toEqual([]);
    });

    it('tell each of many who change a price at once the price that was there before theirs', async () => {
      const prices = Array.from({ length: 20 }, (_, n) => 2000 + n);
      const before = await Promise.all(prices.map((price) => reprice('TEA-0005', price)));
      expect(new Set([...before, await priceOf('TEA-0005')])).toEqual(new Set([720, ...prices]));
    });

    it('keep their price when the transaction fails', async () => {
      const failed = transaction(async (tx) => {
        await store.reprice(tx, 'TEA-0004', 1);
        throw new Error('no');
      });
      await expect(failed).rejects.toThrow('no');
      expect(await priceOf('TEA-0004')).toBe(640);
    });
  });
}
