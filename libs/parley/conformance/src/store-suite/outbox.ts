import { eventually } from '../harness/recorder';
import { Placed, Ship, sent } from './store-messages';
import type { StoreTrial } from './store-trial';

/** Promises of the outbox. */
export function outboxPromises(trial: StoreTrial): void {
  describe('the outbox', () => {
    it('gives due messages, oldest first, as they were said', async () => {
      const messages = [sent({ body: Buffer.from([0, 255, 10]) }), sent(), sent()];
      await trial.inTransaction((tx) => trial.store.outbox.add(tx, messages.slice(0, 2)));
      await trial.inTransaction((tx) => trial.store.outbox.add(tx, messages.slice(2)));
      const due = await trial.store.outbox.due(10);
      expect(due.map(({ headers }) => headers.id)).toEqual(
        messages.map(({ envelope }) => envelope.id),
      );
      expect(due[0]).toMatchObject({
        contract: Placed.name,
        headers: { partitionkey: 'o-1', source: '/orders' },
      });
      expect(Buffer.from(due[0]!.body)).toEqual(messages[0]!.body);
      expect(await trial.store.outbox.due(1)).toHaveLength(1);
    });

    it('forgets what was removed', async () => {
      await trial.inTransaction((tx) => trial.store.outbox.add(tx, [sent(), sent()]));
      const [first, second] = await trial.store.outbox.due(10);
      await trial.store.outbox.remove([first!.id]);
      expect((await trial.store.outbox.due(10)).map(({ id }) => id)).toEqual([second!.id]);
      expect(await trial.store.outbox.state()).toMatchObject({ waiting: 1 });
    });

    it('leaves out what the relay has in hand, and contracts that it has no room for', async () => {
      await trial.inTransaction((tx) =>
        trial.store.outbox.add(tx, [sent(), sent(), sent({ contract: Ship }), sent()]),
      );
      const [first, second, , last] = await trial.store.outbox.due(10);
      const due = await trial.store.outbox.due(10, { ids: [first!.id], contracts: [Ship.name] });
      expect(due.map(({ id }) => id)).toEqual([second!.id, last!.id]);
      expect(
        await trial.store.outbox.due(1, { ids: [first!.id, second!.id], contracts: [] }),
      ).toMatchObject([{ contract: Ship.name }]);
    });

    it('gives messages that became due together in the order in which they were said', async () => {
      const delayed = [30, 20, 10].map((delay) => sent({ contract: Ship, delay }));
      await trial.inTransaction((tx) => trial.store.outbox.add(tx, delayed));
      const due = await eventually(
        async () =>
          (await trial.store.outbox.due(10)).length === 3 && (await trial.store.outbox.due(10)),
        'all to be due',
      );
      expect(due.map(({ headers }) => headers.id)).toEqual(
        delayed.map(({ envelope }) => envelope.id),
      );
    });

    it('removes as part of a transaction, or not at all', async () => {
      await trial.inTransaction((tx) => trial.store.outbox.add(tx, [sent(), sent()]));
      const [first, second] = await trial.store.outbox.due(10);
      await trial.failing((tx) => trial.store.outbox.remove([first!.id], tx));
      expect((await trial.store.outbox.due(10)).map(({ id }) => id)).toEqual([
        first!.id,
        second!.id,
      ]);
      await trial.inTransaction((tx) => trial.store.outbox.remove([first!.id], tx));
      expect((await trial.store.outbox.due(10)).map(({ id }) => id)).toEqual([second!.id]);
    });

    it('keeps nothing of a transaction that was rolled back', async () => {
      await trial.failing((tx) => trial.store.outbox.add(tx, [sent()]));
      expect(await trial.store.outbox.state()).toMatchObject({ waiting: 0, oldestAge: 0 });
    });

    it('holds back a message until its delay is over', async () => {
      await trial.inTransaction((tx) =>
        trial.store.outbox.add(tx, [sent({ contract: Ship, delay: 60_000 }), sent()]),
      );
      expect(await trial.store.outbox.due(10)).toHaveLength(1);
      const { waiting, nextDue } = await trial.store.outbox.state();
      expect(waiting).toBe(2);
      expect(nextDue).toBeGreaterThan(30_000);
      expect(nextDue).toBeLessThanOrEqual(60_000);
    });

    it('has one relay at a time', async () => {
      const other = await trial.another();
      const term = await trial.store.outbox.lead();
      expect(term?.lost.aborted).toBe(false);
      expect(await other.outbox.lead()).toBeUndefined();
      await term!.release();
      const next = await other.outbox.lead();
      expect(next).toBeDefined();
      await next!.release();
    });

    it('wakes its relay after a commit', async () => {
      const woken = new Promise<void>((resolve) => trial.store.outbox.onAdded(resolve));
      await trial.inTransaction((tx) => trial.store.outbox.add(tx, [sent()]));
      await woken;
      expect(await trial.store.outbox.due(10)).toHaveLength(1);
    });
  });
}
