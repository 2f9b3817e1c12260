import { randomUUID } from 'node:crypto';
import { command, event, type Contract } from '@parley/contract';
import { type DeadLetterFilter, type Store } from '@parley/messaging';
import {
  type CallResult,
  type IdempotencyState,
  causeOf,
  type Deliver,
  type Delivery,
  type Failure,
  IdConflictError,
  type LaneRunner,
  LeaseLostError,
  type Outcome,
  type OutgoingMessage,
  type ParkedMessage,
  fingerprintOf,
  type Tx,
  type UnfinishedHandling,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import { z } from 'zod';
import { eventually } from '../harness/recorder';

/** A store to be tried out. Each test gets an empty one. */
export interface StoreUnderTest {
  readonly store: Store;
  /** The same database, as another instance of the service sees it. */
  another(): Promise<Store>;
  close(): Promise<void>;
}

/** Promises of every store. Needs no virtual clock: waits for events, not for time. */
export function storeSuite(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(name, () => {
    let trial: StoreUnderTest;
    let store: Store;
    const runners: LaneRunner[] = [];

    beforeEach(async () => {
      trial = await make();
      store = trial.store;
    });
    afterEach(async () => {
      await Promise.all(runners.splice(0).map((runner) => runner.stop()));
      await trial.close();
    });

    const inTransaction = (work: (tx: Tx) => Promise<unknown>) => store.transaction(work);
    const failing = (work: (tx: Tx) => Promise<unknown>) =>
      expect(
        store.transaction(async (tx) => {
          await work(tx);
          throw new Error('rolled back');
        }),
      ).rejects.toThrow('rolled back');

    describe('a transaction', () => {
      it('resolves with what its work resolved with, after its last statement', async () => {
        const order: string[] = [];
        const result = await store.transaction(
          async () => (order.push('work'), 7),
          async () => void order.push('last'),
        );
        expect([result, order]).toEqual([7, ['work', 'last']]);
      });

      it('leaves nothing behind when its last statement rejects', async () => {
        const work = store.transaction(
          (tx) => store.outbox.add(tx, [sent()]),
          () => Promise.reject(new Error('no')),
        );
        await expect(work).rejects.toThrow('no');
        expect(await store.outbox.due(10)).toEqual([]);
      });

      it('names its database the same for every instance', async () => {
        expect(await (await trial.another()).installation()).toBe(await store.installation());
      });
    });

    describe('what it knows of suspects', () => {
      it('counts handlings without an outcome per message and subscription, whoever began them, until one has an outcome', async () => {
        const [id, other] = [randomUUID(), randomUUID()];
        const { suspects } = await trial.another();
        const of = async (message: string, subscription = 'orders') =>
          (await suspects!.unfinished(subscription, message)).map(({ instance }) => instance);
        const before = Date.now();
        await store.suspects!.begin('orders', id, 'orders-1');
        await suspects!.begin('orders', id, 'orders-2');
        await store.suspects!.begin('orders', other, 'orders-1');
        await store.suspects!.begin('orders.sales', id, 'orders-3');
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
        expect(await store.suspects!.take('orders', 't/0', 'one')).toBe(false);
        expect(await store.suspects!.take('orders', 't/0', 'one')).toBe(false);
        expect(await store.suspects!.take('orders', 't/1', 'one')).toBe(false);
        expect(await suspects!.take('orders', 't/0', 'two')).toBe(true);
        await store.suspects!.handBack('orders', ['t/0', 't/1'], 'one'); // it has only one of them still
        expect(await suspects!.take('orders', 't/1', 'two')).toBe(false);
        expect(await store.suspects!.take('orders', 't/0', 'one')).toBe(true);
      });
    });

    describe('the outbox', () => {
      it('gives due messages, oldest first, as they were said', async () => {
        const messages = [sent({ body: Buffer.from([0, 255, 10]) }), sent(), sent()];
        await inTransaction((tx) => store.outbox.add(tx, messages.slice(0, 2)));
        await inTransaction((tx) => store.outbox.add(tx, messages.slice(2)));
        const due = await store.outbox.due(10);
        expect(due.map(({ headers }) => headers.id)).toEqual(
          messages.map(({ envelope }) => envelope.id),
        );
        expect(due[0]).toMatchObject({
          contract: Placed.name,
          headers: { partitionkey: 'o-1', source: '/orders' },
        });
        expect(Buffer.from(due[0]!.body)).toEqual(messages[0]!.body);
        expect(await store.outbox.due(1)).toHaveLength(1);
      });

      it('forgets what was removed', async () => {
        await inTransaction((tx) => store.outbox.add(tx, [sent(), sent()]));
        const [first, second] = await store.outbox.due(10);
        await store.outbox.remove([first!.id]);
        expect((await store.outbox.due(10)).map(({ id }) => id)).toEqual([second!.id]);
        expect(await store.outbox.state()).toMatchObject({ waiting: 1 });
      });

      it('leaves out what the relay has in hand, and contracts that it has no room for', async () => {
        await inTransaction((tx) =>
          store.outbox.add(tx, [sent(), sent(), sent({ contract: Ship }), sent()]),
        );
        const [first, second, , last] = await store.outbox.due(10);
        const due = await store.outbox.due(10, { ids: [first!.id], contracts: [Ship.name] });
        expect(due.map(({ id }) => id)).toEqual([second!.id, last!.id]);
        expect(
          await store.outbox.due(1, { ids: [first!.id, second!.id], contracts: [] }),
        ).toMatchObject([{ contract: Ship.name }]);
      });

      it('gives messages that became due together in the order in which they were said', async () => {
        const delayed = [30, 20, 10].map((delay) => sent({ contract: Ship, delay }));
        await inTransaction((tx) => store.outbox.add(tx, delayed));
        const due = await eventually(
          async () => (await store.outbox.due(10)).length === 3 && (await store.outbox.due(10)),
          'all to be due',
        );
        expect(due.map(({ headers }) => headers.id)).toEqual(
          delayed.map(({ envelope }) => envelope.id),
        );
      });

      it('removes as part of a transaction, or not at all', async () => {
        await inTransaction((tx) => store.outbox.add(tx, [sent(), sent()]));
        const [first, second] = await store.outbox.due(10);
        await failing((tx) => store.outbox.remove([first!.id], tx));
        expect((await store.outbox.due(10)).map(({ id }) => id)).toEqual([first!.id, second!.id]);
        await inTransaction((tx) => store.outbox.remove([first!.id], tx));
        expect((await store.outbox.due(10)).map(({ id }) => id)).toEqual([second!.id]);
      });

      it('keeps nothing of a transaction that was rolled back', async () => {
        await failing((tx) => store.outbox.add(tx, [sent()]));
        expect(await store.outbox.state()).toMatchObject({ waiting: 0, oldestAge: 0 });
      });

      it('holds back a message until its delay is over', async () => {
        await inTransaction((tx) =>
          store.outbox.add(tx, [sent({ contract: Ship, delay: 60_000 }), sent()]),
        );
        expect(await store.outbox.due(10)).toHaveLength(1);
        const { waiting, nextDue } = await store.outbox.state();
        expect(waiting).toBe(2);
        expect(nextDue).toBeGreaterThan(30_000);
        expect(nextDue).toBeLessThanOrEqual(60_000);
      });

      it('has one relay at a time', async () => {
        const other = await trial.another();
        const term = await store.outbox.lead();
        expect(term?.lost.aborted).toBe(false);
        expect(await other.outbox.lead()).toBeUndefined();
        await term!.release();
        const next = await other.outbox.lead();
        expect(next).toBeDefined();
        await next!.release();
      });

      it('wakes its relay after a commit', async () => {
        const woken = new Promise<void>((resolve) => store.outbox.onAdded(resolve));
        await inTransaction((tx) => store.outbox.add(tx, [sent()]));
        await woken;
        expect(await store.outbox.due(10)).toHaveLength(1);
      });
    });

    describe('what was answered under keys', () => {
      const requests = () => store.idempotency!;
      const request = (body = 'one') => ({
        scope: fingerprintOf(randomUUID()),
        print: fingerprintOf(body),
      });
      const answer: CallResult = { ok: true, body: Buffer.from([0, 255, 123]) };
      const claimOf = (begun: IdempotencyState) =>
        (begun as Extract<IdempotencyState, { state: 'ours' }>).claim;

      it('is given to whoever asks again; meanwhile it is busy', async () => {
        const asked = request();
        const begun = await requests().begin(asked, 60_000);
        expect(await requests().begin(asked, 60_000)).toEqual({ state: 'busy' });
        await requests().complete(undefined, claimOf(begun), answer);
        expect(await requests().begin(asked, 60_000)).toEqual({ state: 'done', answer });
        const fault: CallResult = {
          ok: false,
          fault: { code: 'refused', message: 'no', details: { n: 1 } },
        };
        const refused = claimOf(await requests().begin(request(), 60_000));
        await requests().complete(undefined, refused, fault);
        expect(await requests().begin(refused, 60_000)).toEqual({ state: 'done', answer: fault });
      });

      it('is begun by one of many', async () => {
        const asked = request();
        const begun = await Promise.all(
          Array.from({ length: 10 }, () => requests().begin(asked, 60_000)),
        );
        expect(begun.filter(({ state }) => state === 'ours')).toHaveLength(1);
        expect(begun.filter(({ state }) => state === 'busy')).toHaveLength(9);
      });

      it('is refused for another request, also while the first is handled', async () => {
        const asked = request();
        const begun = await requests().begin(asked, 60_000);
        const other = { ...asked, print: fingerprintOf('other') };
        expect(await requests().begin(other, 60_000)).toEqual({ state: 'conflict' });
        await requests().complete(undefined, claimOf(begun), answer);
        expect(await requests().begin(other, 60_000)).toEqual({ state: 'conflict' });
      });

      it('commits with what was done, or not at all', async () => {
        const asked = request();
        const claim = claimOf(await requests().begin(asked, 60_000));
        await failing((tx) => requests().complete(tx, claim, answer));
        expect(await requests().begin(asked, 60_000)).toEqual({ state: 'busy' });
        await store.transaction(
          async () => undefined,
          (tx) => requests().complete(tx, claim, answer),
        );
        expect(await requests().begin(asked, 60_000)).toEqual({ state: 'done', answer });
      });

      it('is free again once it was given up', async () => {
        const asked = request();
        await requests().release(claimOf(await requests().begin(asked, 60_000)));
        expect(await requests().begin(asked, 60_000)).toMatchObject({ state: 'ours' });
      });

      it('is taken over from whoever fell silent, who then cannot commit any more', async () => {
        const asked = request();
        const first = claimOf(await requests().begin(asked, 0));
        const second = claimOf(await requests().begin(asked, 60_000));
        await expect(
          store.transaction(
            async () => undefined,
            (tx) => requests().complete(tx, first, answer),
          ),
        ).rejects.toThrow(LeaseLostError);
        await requests().release(first);
        await requests().complete(undefined, second, answer);
        expect(await requests().begin(asked, 60_000)).toEqual({ state: 'done', answer });
        await expect(requests().complete(undefined, second, answer)).rejects.toThrow(
          LeaseLostError,
        );
      });
    });

    describe('the inbox', () => {
      const record = (subscription: string, id: string) =>
        store.transaction((tx) => store.inbox.record(tx, subscription, id));

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
        await failing((tx) => store.inbox.record(tx, 'a', id));
        expect(await record('a', id)).toBe(true);
      });

      it('refuses another message under an id that it knows, by its print', async () => {
        const id = randomUUID();
        const [one, another] = [fingerprintOf('one'), fingerprintOf('another')];
        const printed = (print?: string) =>
          store.transaction((tx) => store.inbox.record(tx, 'a', id, print));
        expect([await printed(one), await printed(one), await printed()]).toEqual([
          true,
          false,
          false,
        ]);
        await expect(printed(another)).rejects.toThrow(IdConflictError);
        expect(await printed(one)).toBe(false);
      });

      it('knows a message that is parked, so that its duplicate does not overtake it', async () => {
        const parked = message();
        await store.lanes.park(undefined, parked, { after: 60_000, failure });
        expect(await record(SUBSCRIPTION, parked.headers.id!)).toBe(false);
      });
    });

    describe('a lane', () => {
      it('is free until a message of it is parked; then later ones are diverted', async () => {
        expect(await store.lanes.parkIfLaneBlocked(undefined, message({ key: 'a' }))).toBe(false);
        await store.lanes.park(undefined, message({ key: 'a' }), { after: 60_000, failure });
        expect(await store.lanes.parkIfLaneBlocked(undefined, message({ key: 'a' }))).toBe(true);
        expect(await store.lanes.parkIfLaneBlocked(undefined, message({ key: 'b' }))).toBe(false);
        expect(
          await store.lanes.parkIfLaneBlocked(
            undefined,
            message({ key: 'a', subscription: 'insights.sales' }),
          ),
        ).toBe(false);
        expect([...(await store.lanes.parked(SUBSCRIPTION))]).toEqual(['a']);
      });

      it('stays free when the parking was rolled back', async () => {
        await failing((tx) => store.lanes.park(tx, message({ key: 'a' }), { after: 0, failure }));
        expect(await store.lanes.parkIfLaneBlocked(undefined, message({ key: 'a' }))).toBe(false);
      });

      it('delivers the failed message first, then the diverted ones in order, and is free again', async () => {
        const messages = [message(), message(), message()];
        await parkAndDivert(messages);
        const deliveries = runLanes();
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
        expect(await store.lanes.parkIfLaneBlocked(undefined, message())).toBe(false);
      });

      it('delivers again what is to be retried, its successors waiting', async () => {
        const messages = [message(), message()];
        await parkAndDivert(messages);
        const deliveries = runLanes(({ attempt }) =>
          attempt === 2 ? { kind: 'retry', after: 20, failure } : 'handle',
        );
        await deliveries.received(3);
        const [first, second] = idsOf(messages);
        expect(deliveries.ids()).toEqual([first, first, second]);
        expect(deliveries.all.map(({ attempt }) => attempt)).toEqual([2, 3, 1]);
      });

      it('delivers again, as it was, what is returned', async () => {
        await store.lanes.park(undefined, message(), { after: 0, failure });
        const deliveries = runLanes((_, count) => (count === 1 ? { kind: 'return' } : 'handle'));
        await deliveries.received(2);
        expect(deliveries.all.map(({ attempt }) => attempt)).toEqual([2, 2]);
      });

      it('parks a message once, however often it is asked to', async () => {
        const parked = message();
        await store.lanes.park(undefined, parked, { after: 0, failure });
        await store.lanes.park(undefined, parked, { after: 0, failure });
        expect(await store.lanes.parkIfLaneBlocked(undefined, parked)).toBe(true);
        const deliveries = runLanes();
        await store.lanes.parkIfLaneBlocked(undefined, message());
        await deliveries.settled();
        expect(deliveries.ids().filter((id) => id === parked.headers.id)).toHaveLength(1);
      });

      it('takes effect once, also when the message was acknowledged in its own database while it was parked', async () => {
        const parked = message();
        await store.transaction(
          (tx) => store.lanes.park(tx, parked, { after: 0, failure }),
          async (tx) => void (await store.inbox.record(tx, SUBSCRIPTION, parked.headers.id!)),
        );
        const deliveries = runLanes();
        await deliveries.settled();
        expect(deliveries.effects).toEqual([parked.headers.id]);
        expect(
          await store.transaction((tx) => store.inbox.record(tx, SUBSCRIPTION, parked.headers.id!)),
        ).toBe(false);
      });

      it('keeps a message whose handling was rolled back', async () => {
        await store.lanes.park(undefined, message(), { after: 0, failure });
        const deliveries = runLanes(async (delivery, count) => {
          if (count > 1) return 'handle';
          await expect(
            store.transaction(
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
        await parkAndDivert([message(), message()]);
        const deliveries = runLanes(async (delivery, count) => {
          if (count > 1) return 'handle';
          await store.transaction(async () => undefined, delivery.acknowledgeInTransaction);
          return { kind: 'return' };
        });
        await deliveries.settled();
        expect(deliveries.all).toHaveLength(2);
        expect(new Set(deliveries.ids()).size).toBe(2);
      });

      it('holds nobody else up', async () => {
        await store.lanes.park(undefined, message({ key: 'slow' }), { after: 60_000, failure });
        await parkAndDivert([message({ key: 'b' }), message({ key: 'b' })]);
        await store.lanes.park(undefined, message({ key: undefined }), { after: 0, failure });
        const deliveries = runLanes();
        await deliveries.received(3);
        expect(deliveries.all.map(({ headers }) => headers.partitionkey)).not.toContain('slow');
      });

      it('of a message without a key is its own', async () => {
        const [first, second] = [message({ key: undefined }), message({ key: undefined })];
        await store.lanes.park(undefined, first, { after: 60_000, failure });
        expect(await store.lanes.parkIfLaneBlocked(undefined, second)).toBe(false);
        expect((await store.lanes.parked(SUBSCRIPTION)).size).toBe(0);
      });

      it('delivers nothing more once it was stopped', async () => {
        const deliveries = runLanes();
        await runners.pop()!.stop();
        await store.lanes.park(undefined, message(), { after: 0, failure });
        const others = runLanes();
        await others.received(1);
        expect(deliveries.all).toEqual([]);
      });
    });

    describe('dead letters', () => {
      it('keep the message with its evidence', async () => {
        const dead = message({ key: undefined, body: Buffer.from([0, 1, 255]) });
        await store.lanes.deadLetter(undefined, dead, failure, false);
        await store.lanes.deadLetter(undefined, dead, failure, false);
        expect(await store.lanes.deadLetters.count()).toBe(1);
        const [letter] = await store.lanes.deadLetters.list();
        expect(letter).toMatchObject({
          subscription: SUBSCRIPTION,
          headers: dead.headers,
          failure,
        });
        expect(Buffer.from(letter!.body)).toEqual(dead.body);
        expect(letter!.attempts).toBeGreaterThanOrEqual(1);
        expect(letter!.died).toBeInstanceOf(Date);
      });

      it('keep a message once, also when copies of it die, or are parked, at the same moment', async () => {
        const [dead, parked, last] = [
          message({ key: undefined }),
          message({ key: undefined }),
          message({ key: undefined }),
        ];
        const stores = [store, await trial.another()];
        const atOnce = (keep: (store: Store) => Promise<void>) =>
          Promise.all(stores.flatMap((store) => Array.from({ length: 10 }, () => keep(store))));
        await atOnce(({ lanes }) => lanes.deadLetter(undefined, dead, failure, false));
        expect(await store.lanes.deadLetters.list()).toHaveLength(1);
        await atOnce(({ lanes }) => lanes.park(undefined, parked, { after: 0, failure }));
        await store.lanes.park(undefined, last, { after: 0, failure });
        const deliveries = runLanes(() => ({ kind: 'dead', failure, hold: false }));
        await deliveries.received(2);
        expect(deliveries.ids().sort()).toEqual(idsOf([parked, last]).sort());
      });

      it('are listed by subscription, so many as are asked for', async () => {
        for (let n = 0; n < 3; n++)
          await store.lanes.deadLetter(undefined, message(), failure, false);
        expect(await store.lanes.deadLetters.list({ subscription: 'insights.sales' })).toEqual([]);
        expect(
          await store.lanes.deadLetters.list({ subscription: SUBSCRIPTION, limit: 2 }),
        ).toHaveLength(2);
      });

      it('do not hold their lane unless told to', async () => {
        await store.lanes.deadLetter(undefined, message(), failure, false);
        expect(await store.lanes.parkIfLaneBlocked(undefined, message())).toBe(false);
      });

      it('hold their lane when told to, until they are replayed; then it goes on in order', async () => {
        const messages = [message(), message(), message()];
        await store.lanes.deadLetter(undefined, messages[0]!, failure, true);
        expect(await store.lanes.parkIfLaneBlocked(undefined, messages[1]!)).toBe(true);
        expect(await store.lanes.parkIfLaneBlocked(undefined, messages[2]!)).toBe(true);
        const marker = message({ key: 'another lane' });
        await store.lanes.park(undefined, marker, { after: 0, failure });
        const deliveries = runLanes();
        await deliveries.received(1);
        expect(deliveries.ids()).toEqual(idsOf([marker]));
        expect(await replayAll()).toEqual([true]);
        await deliveries.received(4);
        expect(deliveries.ids().slice(1)).toEqual(idsOf(messages));
      });

      it('made of a parked message keep their place in the lane', async () => {
        const messages = [message(), message()];
        await parkAndDivert(messages);
        const deliveries = runLanes((_, count) =>
          count === 1 ? { kind: 'dead', failure, hold: true } : 'handle',
        );
        await buried(1);
        expect(await replayAll()).toEqual([true]);
        await deliveries.received(3);
        const [first, second] = idsOf(messages);
        expect(deliveries.ids()).toEqual([first, first, second]);
        await deliveries.settled();
        expect(await store.lanes.deadLetters.count()).toBe(0);
      });

      it('are replayed once only', async () => {
        await store.lanes.deadLetter(undefined, message(), failure, false);
        const [letter] = await store.lanes.deadLetters.list();
        expect([
          await store.lanes.deadLetters.replay(letter!.id),
          await store.lanes.deadLetters.replay(letter!.id),
        ]).toEqual([true, false]);
        const deliveries = runLanes();
        await deliveries.settled();
        expect(deliveries.effects).toEqual([letter!.headers.id]);
      });

      const only = async () => (await store.lanes.deadLetters.list())[0]!;
      const buryOne = async (
        options: Parameters<typeof message>[0] = {},
        why: Partial<Failure> = {},
        hold = false,
      ) => {
        await store.lanes.deadLetter(undefined, message(options), { ...failure, ...why }, hold);
        return (await store.lanes.deadLetters.list({ newest: true, limit: 1 }))[0]!;
      };
      const idsFound = async (filter: DeadLetterFilter) =>
        (await store.lanes.deadLetters.list(filter)).map(({ id }) => id);

      it('are found by contract, error class, cause, time and age', async () => {
        const [a, b, c] = [
          await buryOne(),
          await buryOne({ type: Ship.name }),
          await buryOne({}, { error: 'RangeError' }),
        ];
        expect(await idsFound({ contract: Placed.name })).toEqual([a.id, c.id]);
        expect(await idsFound({ error: 'TypeError' })).toEqual([a.id, b.id]);
        expect(await idsFound({ group: c.group })).toEqual([c.id]);
        expect(await idsFound({ upTo: b.id })).toEqual([a.id, b.id]);
        expect(await idsFound({ newest: true })).toEqual([c.id, b.id, a.id]);
        expect(await idsFound({ from: a.died, to: new Date(c.died.getTime() + 1_000) })).toEqual([
          a.id,
          b.id,
          c.id,
        ]);
        expect(await idsFound({ from: new Date(c.died.getTime() + 1_000) })).toEqual([]);
        expect(await idsFound({ to: new Date(a.died.getTime() - 1_000) })).toEqual([]);
        expect(await store.lanes.deadLetters.count({ contract: Placed.name })).toBe(2);
      });

      it('are grouped by what they died of, whichever order it was about', async () => {
        for (const key of [randomUUID(), randomUUID()])
          await buryOne({ key }, { message: `no stock for ${key}\nnor for anybody` });
        const alone = await buryOne({ subscription: 'insights.sales' }, { error: 'RangeError' });
        const groups = await store.lanes.deadLetters.groups();
        expect(groups).toMatchObject([
          {
            error: 'TypeError',
            cause: 'no stock for …',
            contract: Placed.name,
            count: 2,
            subscriptions: [SUBSCRIPTION],
          },
          {
            group: alone.group,
            error: 'RangeError',
            cause: 'no luck',
            count: 1,
            subscriptions: ['insights.sales'],
            first: alone.died,
            last: alone.died,
          },
        ]);
        expect(groups.map(({ group }) => group)).toEqual(
          (await store.lanes.deadLetters.groups()).map(({ group }) => group),
        );
        expect((await only()).group).toBe(causeOf(await only()).group);
        expect(await store.lanes.deadLetters.groups({ group: alone.group })).toHaveLength(1);
      });

      it('are each kept, also when they have no id or one id together', async () => {
        const ids = [undefined, undefined, '', 'one', 'one', randomUUID()];
        const strange = ids.map(
          (id, n) =>
            ({
              ...message({ body: Buffer.from(`{"n":${n}}`) }),
              headers: id === undefined ? {} : { id },
            }) as ParkedMessage,
        );
        const reused = { ...strange[5]!, body: Buffer.from('another') };
        for (const one of [...strange, reused, ...strange])
          await store.lanes.deadLetter(undefined, one, failure, false);
        expect(
          (await store.lanes.deadLetters.list()).map(({ body }) => Buffer.from(body).toString()),
        ).toEqual([...strange, reused].map(({ body }) => body.toString()));
      });

      it('can be listed whatever their sender wrote into them', async () => {
        const hostile = await buryOne({ type: 'a\0\ud800' }, { error: 'E\0', message: '\0' });
        expect(hostile.headers.type).toBe('a\0\ud800');
        expect(await store.lanes.deadLetters.groups()).toMatchObject([{ count: 1 }]);
      });

      it('tell how many wait behind them, and whether they were handled before', async () => {
        const messages = [message(), message(), message()];
        await store.lanes.deadLetter(undefined, messages[0]!, failure, true);
        for (const later of messages.slice(1))
          await store.lanes.parkIfLaneBlocked(undefined, later);
        const letter = await only();
        expect(await store.lanes.deadLetters.find(letter.id)).toMatchObject({
          id: letter.id,
          holds: true,
          waiting: 2,
          handledBefore: false,
          headers: letter.headers,
        });
        expect(await store.lanes.deadLetters.find('999999')).toBeUndefined();
        expect(await store.lanes.deadLetters.find('../1')).toBeUndefined();
      });

      it('are discarded once, with a reason; the lane they held goes on without them, and no duplicate brings them back', async () => {
        const messages = [message(), message()];
        await store.lanes.deadLetter(undefined, messages[0]!, failure, true);
        await store.lanes.parkIfLaneBlocked(undefined, messages[1]!);
        const { id } = await only();
        const deliveries = runLanes();
        const other = await trial.another();
        const discards = [store, other].map(({ lanes }, n) =>
          lanes.deadLetters.discard(id, { who: `operator ${n}`, reason: 'a test order' }),
        );
        expect((await Promise.all(discards)).sort()).toEqual([false, true]);
        await deliveries.received(1);
        await deliveries.settled();
        expect(deliveries.effects).toEqual([messages[1]!.headers.id]);
        expect(await store.lanes.deadLetters.count()).toBe(0);
        expect(
          await store.transaction((tx) =>
            store.inbox.record(tx, SUBSCRIPTION, messages[0]!.headers.id!),
          ),
        ).toBe(false);
        expect(await store.lanes.parkIfLaneBlocked(undefined, message())).toBe(false);
      });

      it('discarded from a lane in which nothing waits leave it free', async () => {
        await store.lanes.deadLetter(undefined, message(), failure, true);
        expect(await store.lanes.parkIfLaneBlocked(undefined, message({ key: 'another' }))).toBe(
          false,
        );
        expect(await store.lanes.deadLetters.discard((await only()).id, { who: 'ada' })).toBe(true);
        expect(await store.lanes.parkIfLaneBlocked(undefined, message())).toBe(false);
        expect((await store.lanes.parked(SUBSCRIPTION)).size).toBe(0);
      });

      it('are replayed with another body, the old one kept in the audit', async () => {
        await store.lanes.deadLetter(
          undefined,
          message({ body: Buffer.from('{"orderId":7}') }),
          failure,
          false,
        );
        const { id } = await only();
        expect(
          await store.lanes.deadLetters.edit(id, Buffer.from('{"orderId":"7"}'), {
            who: 'ada',
            reason: 'a number',
            replay: true,
            edits: 0,
          }),
        ).toBe('done');
        const deliveries = runLanes();
        await deliveries.received(1);
        expect(Buffer.from(deliveries.all[0]!.body).toString()).toBe('{"orderId":"7"}');
        await deliveries.settled();
        const [entry] = await store.lanes.deadLetters.audit();
        expect(entry).toMatchObject({
          action: 'edit and replay',
          who: 'ada',
          reason: 'a number',
          letter: id,
          outcome: 'done',
          subscription: SUBSCRIPTION,
          failure,
          became: 'handled',
        });
        expect([entry!.before, entry!.after].map((body) => Buffer.from(body!).toString())).toEqual([
          '{"orderId":7}',
          '{"orderId":"7"}',
        ]);
      });

      it('are not edited over the edit of somebody else', async () => {
        await store.lanes.deadLetter(undefined, message(), failure, false);
        const { id } = await only();
        const edit = (body: string) =>
          store.lanes.deadLetters.edit(id, Buffer.from(body), { who: 'ada', edits: 0 });
        expect([await edit('{"a":1}'), await edit('{"b":1}')]).toEqual([
          'done',
          'edited meanwhile',
        ]);
        expect(Buffer.from((await only()).body).toString()).toBe('{"a":1}');
        expect((await only()).edits).toBe(1);
        expect(
          await store.lanes.deadLetters.edit('999999', Buffer.from('{}'), { who: 'ada' }),
        ).toBe('gone');
      });

      it('are replayed by one of two operators, and both are in the audit', async () => {
        for (let n = 0; n < 20; n++) await buryOne({ key: `k-${n % 5}` });
        const other = await trial.another();
        const letters = await store.lanes.deadLetters.list();
        const replayed = await Promise.all(
          letters.flatMap(({ id }) =>
            [store, other].map(({ lanes }, n) =>
              lanes.deadLetters.replay(id, { who: `operator ${n}` }),
            ),
          ),
        );
        expect(replayed.filter((done) => done)).toHaveLength(20);
        const deliveries = runLanes();
        await deliveries.received(20);
        await deliveries.settled();
        expect(new Set(deliveries.effects).size).toBe(20);
        expect(deliveries.effects).toHaveLength(20);
        const audit = await store.lanes.deadLetters.audit();
        expect([
          audit.length,
          audit.filter(({ outcome }) => outcome === 'done').length,
          audit.filter(({ outcome }) => outcome === 'gone').length,
        ]).toEqual([40, 20, 20]);
        expect(await store.lanes.deadLetters.audit({ letter: letters[0]!.id })).toHaveLength(2);
        expect(await store.lanes.deadLetters.audit({ who: 'operator 1', limit: 5 })).toHaveLength(
          5,
        );
      });

      it('wait, replayed, for another one that holds their lane', async () => {
        const [early, held, late] = [message(), message(), message()];
        await store.lanes.deadLetter(undefined, early, failure, false);
        await store.lanes.deadLetter(undefined, held, failure, true);
        await store.lanes.parkIfLaneBlocked(undefined, late);
        const [first, second] = await store.lanes.deadLetters.list();
        expect(await store.lanes.deadLetters.find(first!.id)).toMatchObject({ heldBy: second!.id });
        expect(await store.lanes.deadLetters.replay(first!.id)).toBe(true);
        const marker = message({ key: 'another lane' });
        await store.lanes.park(undefined, marker, { after: 0, failure });
        const deliveries = runLanes();
        await deliveries.received(1);
        expect(deliveries.ids()).toEqual(idsOf([marker]));
        expect(await store.lanes.deadLetters.replay(second!.id)).toBe(true);
        await deliveries.received(4);
        expect(deliveries.ids().at(-1)).toBe(late.headers.id);
      });

      it('say of a replay what became of it', async () => {
        const letter = await buryOne();
        await store.lanes.deadLetters.replay(letter.id);
        expect((await store.lanes.deadLetters.audit())[0]).toMatchObject({
          action: 'replay',
          who: 'somebody',
          became: 'waiting',
        });
        runLanes((_, count) => (count === 1 ? { kind: 'dead', failure, hold: false } : 'handle'));
        await buried(1);
        expect((await store.lanes.deadLetters.audit())[0]).toMatchObject({ became: 'dead again' });
        expect(Number((await only()).id)).toBeGreaterThan(Number(letter.id));
      });

      it('have it written down when something was refused', async () => {
        const { id, body } = await buryOne();
        await store.lanes.deadLetters.refused(id, {
          who: 'ada',
          action: 'edit',
          outcome: 'orderId is missing',
          after: Buffer.from('{}'),
        });
        expect((await store.lanes.deadLetters.audit())[0]).toMatchObject({
          who: 'ada',
          action: 'edit',
          outcome: 'orderId is missing',
          before: body,
          contract: Placed.name,
        });
        expect(await store.lanes.deadLetters.count()).toBe(1);
      });

      const replayAll = async () =>
        Promise.all(
          (await store.lanes.deadLetters.list()).map(({ id }) =>
            store.lanes.deadLetters.replay(id),
          ),
        );
    });

    async function parkAndDivert([failed, ...successors]: readonly ParkedMessage[]): Promise<void> {
      await store.lanes.park(undefined, failed!, { after: 0, failure });
      for (const successor of successors)
        expect(await store.lanes.parkIfLaneBlocked(undefined, successor)).toBe(true);
    }

    async function buried(letters: number): Promise<void> {
      while ((await store.lanes.deadLetters.count()) < letters) await new Promise(setImmediate);
    }

    /** Runs the lanes with a handler that only records its messages. */
    function runLanes(decide: Decide = () => 'handle') {
      const all: Delivery[] = [];
      const effects: string[] = [];
      const waiting = new Set<() => void>();
      const deliver: Deliver = async (delivery) => {
        all.push(delivery);
        const decision = await decide(delivery, all.length);
        if (decision === 'handle')
          await store.transaction(
            async () => void effects.push(delivery.headers.id!),
            delivery.acknowledgeInTransaction,
          );
        for (const look of waiting) look();
        return decision === 'handle' ? { kind: 'done', settled: true } : decision;
      };
      const runner = store.lanes.deliver([subscription], deliver);
      runners.push(runner);
      const started = runner.start();
      const received = (count: number) =>
        new Promise<void>((resolve) => {
          const look = () => all.length >= count && resolve();
          waiting.add(look);
          look();
        });
      /** Until no message is parked any more; a marker in a lane of its own comes last. */
      const settled = async () => {
        await started;
        while ((await store.lanes.parked(SUBSCRIPTION)).size > 0 || all.length === 0)
          await new Promise(setImmediate);
      };
      return {
        all,
        effects,
        received: (count: number) => started.then(() => received(count)),
        settled,
        ids: () => idsOf(all),
      };
    }
  });
}

type Decide = (
  delivery: Delivery,
  count: number,
) => 'handle' | Outcome | Promise<'handle' | Outcome>;

const SUBSCRIPTION = 'insights.orders';
const subscription: RegisteredSubscription = {
  kind: 'event',
  name: SUBSCRIPTION,
  handlers: new Map(),
  concurrency: 5,
  from: 'beginning',
  live: false,
};
const Placed = event('trial.order-placed', z.object({ orderId: z.string() }), { key: 'orderId' });
const Ship = command('trial.ship-order', z.object({ orderId: z.string() }));

const failure: Failure = {
  error: 'TypeError',
  message: 'no luck',
  stack: 'TypeError: no luck\n    at nowhere',
  tries: 4,
  instance: 'insights-1',
  firstFailedAt: '2026-01-01T00:00:00.000Z',
  lastFailedAt: '2026-01-01T00:00:01.000Z',
};

const idsOf = (messages: readonly { readonly headers: ParkedMessage['headers'] }[]) =>
  messages.map(({ headers }) => headers.id);

function message(
  options: { key?: string; subscription?: string; body?: Buffer; type?: string } = {},
): ParkedMessage {
  const key = 'key' in options ? options.key : 'o-1';
  const partition: Record<string, string> = key === undefined ? {} : { partitionkey: key };
  return {
    subscription: options.subscription ?? SUBSCRIPTION,
    key,
    headers: { id: randomUUID(), type: options.type ?? Placed.name, ...partition },
    body: options.body ?? Buffer.from('{"orderId":"o-1"}'),
  };
}

function sent({
  contract = Placed,
  ...rest
}: { contract?: Contract; body?: Buffer; delay?: number } = {}): OutgoingMessage {
  const id = randomUUID();
  return {
    contract,
    envelope: {
      specversion: '1.0',
      id,
      type: contract.name,
      source: '/orders',
      time: '2026-01-01T00:00:00.000Z',
      datacontenttype: 'application/json',
      contractversion: '1',
      correlationid: id,
      partitionkey: 'o-1',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      producerinstance: 'orders-1',
      producerbuild: 'test',
    },
    body: Buffer.from('{"orderId":"o-1"}'),
    ...rest,
  };
}
