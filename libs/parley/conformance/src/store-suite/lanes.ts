import type { ParkedMessage } from '@parley/messaging/transport';
import { SUBSCRIPTION, failure, idsOf, message } from './store-messages';
import type { StoreTrial } from './store-trial';

/** Promises of lanes: parked messages and the later ones of their key. */
export function lanePromises(trial: StoreTrial): void {
  describe('a lane', () => {
    it('is free until a message of it is parked; then later ones are diverted', async () => {
      expect(await trial.store.lanes.parkIfLaneBlocked(undefined, message({ key: 'a' }))).toBe(
        false,
      );
      await trial.store.lanes.park(undefined, message({ key: 'a' }), { after: 60_000, failure });
      expect(await trial.store.lanes.parkIfLaneBlocked(undefined, message({ key: 'a' }))).toBe(
        true,
      );
      expect(await trial.store.lanes.parkIfLaneBlocked(undefined, message({ key: 'b' }))).toBe(
        false,
      );
      expect(
        await trial.store.lanes.parkIfLaneBlocked(
          undefined,
          message({ key: 'a', subscription: 'insights.sales' }),
        ),
      ).toBe(false);
      expect([...(await trial.store.lanes.parked(SUBSCRIPTION))]).toEqual(['a']);
    });

    it('tells whether one of several messages waits for its lane', async () => {
      const parked = message({ key: 'a' });
      await trial.store.lanes.park(undefined, parked, { after: 60_000, failure });
      const isAnyBlocked = (...messages: ParkedMessage[]) =>
        trial.store.transaction((tx) => trial.store.lanes.isAnyBlocked(tx, messages));
      const free = message({ key: 'b' });
      expect([
        await isAnyBlocked(free, message({ key: 'a' })),
        await isAnyBlocked(free, parked),
        await isAnyBlocked(free, message({ key: undefined })),
      ]).toEqual([true, true, false]);
      expect(await trial.store.lanes.parkIfLaneBlocked(undefined, free)).toBe(false);
    });

    it('stays free when the parking was rolled back', async () => {
      await trial.failing((tx) =>
        trial.store.lanes.park(tx, message({ key: 'a' }), { after: 0, failure }),
      );
      expect(await trial.store.lanes.parkIfLaneBlocked(undefined, message({ key: 'a' }))).toBe(
        false,
      );
    });

    it('delivers the failed message first, then the diverted ones in order, and is free again', async () => {
      const messages = [message(), message(), message()];
      await trial.parkAndDivert(messages);
      const deliveries = trial.runLanes();
      await deliveries.received(3);
      expect(deliveries.ids()).toEqual(idsOf(messages));
      expect(deliveries.all[0]).toMatchObject({
        attempt: 2,
        failure: { message: 'no luck' },
        supports: { retry: true, dead: true },
        headers: messages[0]!.headers,
      });
      expect(deliveries.all[1]).toMatchObject({ attempt: 1, failure: undefined });
      expect(Buffer.from(deliveries.all[0]!.body)).toEqual(messages[0]!.body);
      await deliveries.settled();
      expect(await trial.store.lanes.parkIfLaneBlocked(undefined, message())).toBe(false);
    });

    it('delivers again what is to be retried, its successors waiting', async () => {
      const messages = [message(), message()];
      await trial.parkAndDivert(messages);
      const deliveries = trial.runLanes(({ attempt }) =>
        attempt === 2 ? { kind: 'retry', after: 20, failure } : 'handle',
      );
      await deliveries.received(3);
      const [first, second] = idsOf(messages);
      expect(deliveries.ids()).toEqual([first, first, second]);
      expect(deliveries.all.map(({ attempt }) => attempt)).toEqual([2, 3, 1]);
    });

    it('delivers again, as it was, what is returned', async () => {
      await trial.store.lanes.park(undefined, message(), { after: 0, failure });
      const deliveries = trial.runLanes((_, count) =>
        count === 1 ? { kind: 'return' } : 'handle',
      );
      await deliveries.received(2);
      expect(deliveries.all.map(({ attempt }) => attempt)).toEqual([2, 2]);
    });

    it('parks a message once, however often it is asked to', async () => {
      const parked = message();
      await trial.store.lanes.park(undefined, parked, { after: 0, failure });
      await trial.store.lanes.park(undefined, parked, { after: 0, failure });
      expect(await trial.store.lanes.parkIfLaneBlocked(undefined, parked)).toBe(true);
      const deliveries = trial.runLanes();
      await trial.store.lanes.parkIfLaneBlocked(undefined, message());
      await deliveries.settled();
      expect(deliveries.ids().filter((id) => id === parked.headers.id)).toHaveLength(1);
    });

    it('takes effect once, also when the message was acknowledged in its own database while it was parked', async () => {
      const parked = message();
      await trial.store.transaction(
        (tx) => trial.store.lanes.park(tx, parked, { after: 0, failure }),
        async (tx) => void (await trial.store.inbox.record(tx, SUBSCRIPTION, parked.headers.id!)),
      );
      const deliveries = trial.runLanes();
      await deliveries.settled();
      expect(deliveries.effects).toEqual([parked.headers.id]);
      expect(
        await trial.store.transaction((tx) =>
          trial.store.inbox.record(tx, SUBSCRIPTION, parked.headers.id!),
        ),
      ).toBe(false);
    });

    it('keeps a message whose handling was rolled back', async () => {
      await trial.store.lanes.park(undefined, message(), { after: 0, failure });
      const deliveries = trial.runLanes(async (delivery, count) => {
        if (count > 1) return 'handle';
        await expect(
          trial.store.transaction(
            () => Promise.reject(new Error('rolled back')),
            delivery.acknowledgeInTransaction,
          ),
        ).rejects.toThrow('rolled back');
        return { kind: 'return' };
      });
      await deliveries.received(2);
      await deliveries.settled();
      expect(deliveries.effects).toHaveLength(1);
    });

    it('forgets a message with the commit of its handling, however the delivery ends', async () => {
      await trial.parkAndDivert([message(), message()]);
      const deliveries = trial.runLanes(async (delivery, count) => {
        if (count > 1) return 'handle';
        await trial.store.transaction(async () => undefined, delivery.acknowledgeInTransaction);
        return { kind: 'return' };
      });
      await deliveries.settled();
      expect(deliveries.all).toHaveLength(2);
      expect(new Set(deliveries.ids()).size).toBe(2);
    });

    it('holds nobody else up', async () => {
      await trial.store.lanes.park(undefined, message({ key: 'slow' }), { after: 60_000, failure });
      await trial.parkAndDivert([message({ key: 'b' }), message({ key: 'b' })]);
      await trial.store.lanes.park(undefined, message({ key: undefined }), { after: 0, failure });
      const deliveries = trial.runLanes();
      await deliveries.received(3);
      expect(deliveries.all.map(({ headers }) => headers.partitionkey)).not.toContain('slow');
    });

    it('of a message without a key is its own', async () => {
      const [first, second] = [message({ key: undefined }), message({ key: undefined })];
      await trial.store.lanes.park(undefined, first, { after: 60_000, failure });
      expect(await trial.store.lanes.parkIfLaneBlocked(undefined, second)).toBe(false);
      expect((await trial.store.lanes.parked(SUBSCRIPTION)).size).toBe(0);
    });

    it('delivers nothing more once it was stopped', async () => {
      const deliveries = trial.runLanes();
      await trial.stopRunner();
      await trial.store.lanes.park(undefined, message(), { after: 0, failure });
      const others = trial.runLanes();
      await others.received(1);
      expect(deliveries.all).toEqual([]);
    });
  });
}
