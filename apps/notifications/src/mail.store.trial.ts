import { randomUUID } from 'node:crypto';
import type { Store } from '@parley/messaging';
import { mailOfRejection, type Mail } from './mail';
import type { MailStore } from './mail.store';

type Transaction = <T>(work: (tx: never) => Promise<T>) => Promise<T>;

/** Promises of every MailStore. */
export function mailStoreTrial(
  name: string,
  open: () => Promise<{
    store: MailStore<never>;
    database: Pick<Store, 'transaction'>;
    close?: () => Promise<void>;
  }>,
): void {
  describe(`the mail store in ${name}`, () => {
    let store: MailStore<never>;
    let transaction: Transaction;
    let close: (() => Promise<void>) | undefined;
    let mail: Mail;
    const record = () => transaction((tx) => store.record(tx, mail));

    beforeAll(async () => {
      const opened = await open();
      ({ store, close } = opened);
      transaction = (work) => opened.database.transaction((tx) => work(tx as never));
    });
    afterAll(() => close?.());
    beforeEach(() => {
      const address = { line1: 'Am Markt 1', city: 'Jena', postcode: '07743', country: 'DE' };
      mail = mailOfRejection({
        orderId: randomUUID(),
        customer: { name: 'Zoë', email: 'zoe@example.com', address },
        total: 1,
        reason: 'no',
      });
    });

    it('records one mail an order', async () => {
      expect(await store.isSent(mail.orderId)).toBe(false);
      expect(await record()).toBe(true);
      expect(await record()).toBe(false);
      expect(await store.isSent(mail.orderId)).toBe(true);
    });

    it('records one of two that come at the same time', async () => {
      expect((await Promise.all([record(), record()])).filter(Boolean)).toHaveLength(1);
    });

    it('forgets what a transaction recorded that failed', async () => {
      const failed = transaction(async (tx) => {
        await store.record(tx, mail);
        throw new Error('no');
      });
      await expect(failed).rejects.toThrow('no');
      expect(await store.isSent(mail.orderId)).toBe(false);
    });
  });
}
