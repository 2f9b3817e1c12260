import { randomUUID } from 'node:crypto';
import { fingerprintOf, IdConflictError } from '@parley/messaging/transport';
import { SUBSCRIPTION, failure, message } from './store-messages';
import type { StoreTrial } from './store-trial';

/** Promises of the inbox. */
export function inboxPromises(trial: StoreTrial): void {
  describe('the inbox', () => {
    const record = (subscription: string, id: string) =>
      trial.store.transaction((tx) => trial.store.inbox.record(tx, subscription, id));

    it('records a message once per subscription', async () => {
      const id = randomUUID();
      expect([
        await record('a', id),
        await record('a', id),
        await record('b', id),
        await record('a', randomUUID()),
      ]).toEqual([true, false, true, true]);
    });

    it('forgets what was rolled back', async () => {
      const id = randomUUID();
      await trial.failing((tx) => trial.store.inbox.record(tx, 'a', id));
      expect(await record('a', id)).toBe(true);
    });

    it('refuses another message under an id that it knows, by its print', async () => {
      const id = randomUUID();
      const [one, another] = [fingerprintOf('one'), fingerprintOf('another')];
      const printed = (print?: string) =>
        trial.store.transaction((tx) => trial.store.inbox.record(tx, 'a', id, print));
      expect([await printed(one), await printed(one), await printed()]).toEqual([
        true,
        false,
        false,
      ]);
      await expect(printed(another)).rejects.toThrow(IdConflictError);
      expect(await printed(one)).toBe(false);
    });

    describe('of a batch', () => {
      const recordAll = (...ids: string[]) =>
        trial.store.transaction((tx) =>
          trial.store.inbox.recordAll(
            tx,
            'a',
            ids.map((id) => ({ id, print: fingerprintOf(id) })),
          ),
        );

      it('records its messages, each by its print', async () => {
        const [one, another] = [randomUUID(), randomUUID()];
        expect(await recordAll(one, another)).toBe(true);
        expect([await record('a', one), await record('a', another)]).toEqual([false, false]);
        const otherPrint = fingerprintOf('other');
        await expect(
          trial.store.transaction((tx) => trial.store.inbox.record(tx, 'a', one, otherPrint)),
        ).rejects.toThrow(IdConflictError);
      });

      it('says that one of them is recorded already', async () => {
        const [known, fresh] = [randomUUID(), randomUUID()];
        await record('a', known);
        expect([await recordAll(fresh, known)]).toEqual([false]);
      });

      it('knows the parked ones', async () => {
        const parked = message();
        await trial.store.lanes.park(undefined, parked, { after: 60_000, failure });
        const all = [randomUUID(), parked.headers.id!].map((id) => ({ id }));
        expect(
          await trial.store.transaction((tx) => trial.store.inbox.recordAll(tx, SUBSCRIPTION, all)),
        ).toBe(false);
      });
    });

    it('knows a message that is parked, so that its duplicate does not overtake it', async () => {
      const parked = message();
      await trial.store.lanes.park(undefined, parked, { after: 60_000, failure });
      expect(await record(SUBSCRIPTION, parked.headers.id!)).toBe(false);
    });
  });
}
