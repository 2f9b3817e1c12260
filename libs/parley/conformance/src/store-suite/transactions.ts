import { randomUUID } from 'node:crypto';
import type { UnfinishedHandling } from '@parley/messaging/transport';
import { sent } from './store-messages';
import type { StoreTrial } from './store-trial';

/** Promises of transactions, and of what is known of messages that may have ended a process. */
export function transactionPromises(trial: StoreTrial): void {
  describe('a transaction', () => {
    it('resolves with what its work resolved with, after its last statement', async () => {
      const order: string[] = [];
      const result = await trial.store.transaction(
        async () => (order.push('work'), 7),
        async () => void order.push('last'),
      );
      expect([result, order]).toEqual([7, ['work', 'last']]);
    });

    it('leaves nothing behind when its last statement rejects', async () => {
      const work = trial.store.transaction(
        (tx) => trial.store.outbox.add(tx, [sent()]),
        () => Promise.reject(new Error('no')),
      );
      await expect(work).rejects.toThrow('no');
      expect(await trial.store.outbox.due(10)).toEqual([]);
    });

    it('names its database the same for every instance', async () => {
      expect(await (await trial.another()).installation()).toBe(await trial.store.installation());
    });
  });

  describe('what it knows of suspects', () => {
    it('counts handlings without an outcome per message and subscription, whoever began them, until one has an outcome', async () => {
      const [id, other] = [randomUUID(), randomUUID()];
      const { suspects } = await trial.another();
      const of = async (message: string, subscription = 'orders') =>
        (await suspects!.unfinished(subscription, message)).map(({ instance }) => instance);
      const before = Date.now();
      await trial.store.suspects!.begin('orders', id, 'orders-1');
      await suspects!.begin('orders', id, 'orders-2');
      await trial.store.suspects!.begin('orders', other, 'orders-1');
      await trial.store.suspects!.begin('orders.sales', id, 'orders-3');
      expect([await of(id), await of(other), await of(id, 'orders.sales')]).toEqual([
        ['orders-1', 'orders-2'],
        ['orders-1'],
        ['orders-3'],
      ]);
      const [{ at }] = (await suspects!.unfinished('orders', id)) as [UnfinishedHandling];
      expect(at.getTime()).toBeGreaterThanOrEqual(before - 1_000);
      await suspects!.end('orders', id);
      expect([await of(id), await of(other), await of(id, 'orders.sales')]).toEqual([
        [],
        ['orders-1'],
        ['orders-3'],
      ]);
    });

    it('tells who takes a part of a log whether its former reader handed it back', async () => {
      const { suspects } = await trial.another();
      expect(await trial.store.suspects!.take('orders', 't/0', 'one')).toBe(false);
      expect(await trial.store.suspects!.take('orders', 't/0', 'one')).toBe(false);
      expect(await trial.store.suspects!.take('orders', 't/1', 'one')).toBe(false);
      expect(await suspects!.take('orders', 't/0', 'two')).toBe(true);
      await trial.store.suspects!.handBack('orders', ['t/0', 't/1'], 'one'); // it has only one of them still
      expect(await suspects!.take('orders', 't/1', 'two')).toBe(false);
      expect(await trial.store.suspects!.take('orders', 't/0', 'one')).toBe(true);
    });
  });
}
