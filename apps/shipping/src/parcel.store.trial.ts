import { randomUUID } from 'node:crypto';
import type { Store } from '@parley/messaging';
import { pack, type Parcel } from './parcel';
import type { ParcelStore } from './parcel.store';

type Transaction = <T>(work: (tx: never) => Promise<T>) => Promise<T>;

/** Promises of every ParcelStore. */
export function parcelStoreTrial(
  name: string,
  open: () => Promise<{
    store: ParcelStore<never>;
    database: Pick<Store, 'transaction'>;
    close?: () => Promise<void>;
  }>,
): void {
  describe(`the parcel store in ${name}`, () => {
    let store: ParcelStore<never>;
    let transaction: Transaction;
    let close: (() => Promise<void>) | undefined;
    let parcel: Parcel;
    const pdf = Buffer.from([0x25, 0x50, 0x44, 0x46, 0, 0xff]);
    const add = (added: Parcel, label?: Buffer) => transaction((tx) => store.add(tx, added, label));
    const cancel = () => transaction((tx) => store.cancel(tx, parcel.orderId));
    const scan = (stop: number, parcelId = parcel.parcelId) =>
      transaction((tx) => store.scan(tx, { orderId: parcel.orderId, parcelId, stop }));
    const refused = (): Parcel => ({ ...parcel, status: 'refused' });

    beforeAll(async () => {
      const opened = await open();
      ({ store, close } = opened);
      transaction = (work) => opened.database.transaction((tx) => work(tx as never));
    });
    afterAll(() => close?.());
    beforeEach(() => {
      parcel = pack({
        orderId: randomUUID(),
        address: { line1: 'Am Markt 1', city: 'Jena', postcode: '07743', country: 'DE' },
      });
    });

    it('keeps one parcel an order, with the label it came with', async () => {
      expect(await add(parcel, pdf)).toBe(true);
      expect(await add(parcel, Buffer.from('another'))).toBe(false);
      expect(await store.label(parcel.orderId)).toEqual(pdf);
    });

    it('keeps one of two that come at the same time', async () => {
      const added = await Promise.all([add(parcel, pdf), add(parcel, pdf)]);
      expect(added.filter(Boolean)).toHaveLength(1);
    });

    it('has no label for a parcel that was refused, nor for one it never saw', async () => {
      expect(await add(refused())).toBe(true);
      expect(await store.label(parcel.orderId)).toBeUndefined();
      expect(await store.label(randomUUID())).toBeUndefined();
    });

    it('moves a parcel from stop to stop, each once, in order', async () => {
      await add(parcel, pdf);
      expect(await scan(1)).toBeUndefined();
      expect(await scan(0)).toEqual({ city: 'Jena', country: 'DE' });
      expect(await scan(0)).toBeUndefined();
      expect(await scan(1)).toBeDefined();
      expect(await scan(2)).toBeDefined();
      expect(await scan(3)).toBeUndefined(); // it is delivered
    });

    it('does not move another parcel, nor one that was refused', async () => {
      await add(refused());
      expect(await scan(0)).toBeUndefined();
      expect(await scan(0, randomUUID())).toBeUndefined();
    });

    it('dispatches nothing for an order that was cancelled before', async () => {
      expect(await cancel()).toBe(true);
      expect(await cancel()).toBe(false);
      expect(await add(parcel, pdf)).toBe(false);
      expect(await store.label(parcel.orderId)).toBeUndefined();
    });

    it('cannot cancel what has left, but can what was refused', async () => {
      await add(parcel, pdf);
      expect(await cancel()).toBe(false);
      parcel = { ...parcel, orderId: randomUUID() };
      await add(refused());
      expect(await cancel()).toBe(true);
    });

    it('forgets what a transaction did that failed', async () => {
      const failed = transaction(async (tx) => {
        await store.add(tx, parcel, pdf);
        await store.scan(tx, { ...parcel, stop: 0 });
        throw new Error('no');
      });
      await expect(failed).rejects.toThrow('no');
      expect(await store.label(parcel.orderId)).toBeUndefined();
      expect(await cancel()).toBe(true);
    });
  });
}
