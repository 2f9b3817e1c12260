import { randomUUID } from 'node:crypto';
import type { Store } from '@parley/messaging';
import type { Payment } from './payment';
import { PaymentChangedError, type PaymentStore } from './payment.store';

type Transaction = <T>(work: (tx: never) => Promise<T>) => Promise<T>;

/** Promises of every PaymentStore. */
export function paymentStoreTrial(
  name: string,
  open: () => Promise<{
    store: PaymentStore<never>;
    database: Pick<Store, 'transaction'>;
    close?: () => Promise<void>;
  }>,
): void {
  describe(`the payment store in ${name}`, () => {
    let store: PaymentStore<never>;
    let transaction: Transaction;
    let close: (() => Promise<void>) | undefined;
    const captured = (): Payment => ({
      orderId: randomUUID(),
      status: 'captured',
      amount: 990,
      reference: 'r',
    });
    const find = (orderId: string) => transaction((tx) => store.find(tx, orderId));

    beforeAll(async () => {
      const opened = await open();
      ({ store, close } = opened);
      transaction = (work) => opened.database.transaction((tx) => work(tx as never));
    });
    afterAll(() => close?.());

    it('gives back what was recorded', async () => {
      const payment = captured();
      const declined: Payment = {
        orderId: randomUUID(),
        status: 'declined',
        amount: 0,
        reason: 'no funds',
      };
      await transaction(async (tx) => {
        await store.record(tx, payment);
        await store.record(tx, declined);
      });
      expect(await find(payment.orderId)).toEqual(payment);
      expect(await find(declined.orderId)).toEqual(declined);
    });

    it('knows nothing of other orders', async () =>
      expect(await find(randomUUID())).toBeUndefined());

    it('replaces what a decision was made upon', async () => {
      const payment = captured();
      await transaction((tx) => store.record(tx, payment));
      await transaction((tx) => store.record(tx, { ...payment, status: 'refunded' }, payment));
      expect(await find(payment.orderId)).toEqual({ ...payment, status: 'refunded' });
    });

    it('refuses a decision that was made upon something else', async () => {
      const payment = captured();
      await transaction((tx) => store.record(tx, payment));
      await expect(transaction((tx) => store.record(tx, payment))).rejects.toThrow(
        PaymentChangedError,
      );
      await expect(
        transaction((tx) => store.record(tx, payment, { ...payment, status: 'cancelled' })),
      ).rejects.toThrow(PaymentChangedError);
    });

    it('forgets what a transaction recorded that failed', async () => {
      const payment = captured();
      const failed = transaction(async (tx) => {
        await store.record(tx, payment);
        throw new Error('no');
      });
      await expect(failed).rejects.toThrow('no');
      expect(await find(payment.orderId)).toBeUndefined();
    });
  });
}
