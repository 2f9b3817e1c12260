import { randomInt } from 'node:crypto';
import { MAX_INDEXED_CHARACTERS, type Tx } from '@parley/messaging/transport';
import {
  HISTORY_LIMIT,
  SagaConflictError,
  type ArmedTimeout,
  type SagaChange,
  type SagaStart,
  type SagaStore,
} from './saga-store';

export interface SagaStoreUnderTest {
  readonly store: SagaStore;
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const ENTRY = { at: '2026-01-01T00:00:00.000Z', trigger: 'trips.trip-requested', said: [] };
const KNOWN = [
  { saga: 'trip', name: 'overdue' },
  { saga: 'trip', name: 'in flying' },
];

/** Promises of every saga store. The numbers are those of the conformance list. */
export function describeSagaStore(
  technology: string,
  open: () => Promise<SagaStoreUnderTest>,
): void {
  describe(`sagas in ${technology}`, () => {
    let under: SagaStoreUnderTest;
    let store: SagaStore;
    let tx: SagaStoreUnderTest['transaction'];
    beforeAll(async () => {
      under = await open();
      store = under.store;
      tx = (work) => under.transaction(work);
    });
    afterAll(() => under.close());

    let count = 0;
    const started = (
      arm: readonly ArmedTimeout[] = [],
      state: object = { city: 'Rome' },
    ): SagaStart => ({
      name: 'trip',
      key: `trip-${++count}`,
      state,
      stage: 'flying',
      done: false,
      correlationId: 'correlation',
      traceparent: 'trace',
      arm,
      entry: ENTRY,
    });
    const startOne = async (t: Tx, saga: SagaStart) => (await store.start(t, [saga])).has(saga.key);
    const loadOne = async (t: Tx, key: string) => (await store.load(t, 'trip', [key])).get(key);
    const saveOne = (t: Tx, change: SagaChange) => store.save(t, [change]);
    const start = async (saga = started()) => {
      await tx((t) => startOne(t, saga));
      return saga;
    };
    const changed = (
      key: string,
      version: number,
      change: Partial<SagaChange> = {},
    ): SagaChange => ({
      name: 'trip',
      key,
      version,
      state: { city: 'Oslo' },
      stage: 'sleeping',
      done: false,
      arm: [],
      disarm: [],
      entry: {
        ...ENTRY,
        trigger: 'flights.flight-booked',
        from: 'flying',
        to: 'sleeping',
        said: ['hotels.book-hotel'],
      },
      ...change,
    });
    const find = (key: string) => tx((t) => store.find(t, 'trip', key));
    const load = (key: string) => tx((t) => loadOne(t, key));
    const claim = () => tx((t) => store.claim(t, KNOWN));
    const due = (name = 'overdue', times = 0) => ({ name, after: -1_000, times });
    const later = (name = 'overdue') => ({ name, after: 3_600_000, times: 0 });

    afterEach(async () => {
      while (await claim());
    });

    describe('S1 a start', () => {
      it('of one key makes one saga, however many start it at the same time', async () => {
        const saga = started([later()]);
        const made = await Promise.all(
          Array.from({ length: 8 }, () => tx((t) => startOne(t, saga))),
        );
        expect(made.filter(Boolean)).toHaveLength(1);
        expect(await find(saga.key)).toMatchObject({
          version: 1,
          stage: 'flying',
          done: false,
          correlationId: 'correlation',
          traceparent: 'trace',
        });
      });

      it('may have the longest key that is taken, in a text that does not compress', async () => {
        const key = longest();
        await start({ ...started([later()]), key });
        expect(await find(key)).toMatchObject({ key, version: 1, timeouts: [{ name: 'overdue' }] });
      });

      it('that comes second changes neither state nor timeouts', async () => {
        const saga = await start();
        expect(
          await tx((t) => startOne(t, { ...saga, state: { city: 'Lima' }, arm: [later()] })),
        ).toBe(false);
        expect(await find(saga.key)).toMatchObject({ state: { city: 'Rome' }, timeouts: [] });
      });
    });

    describe('S2 two changes at the same time', () => {
      it('take turns: none is lost', async () => {
        const { key } = await start(started([], { seats: 0 }));
        const add = () =>
          tx(async (t) => {
            const saga = (await loadOne(t, key))!;
            const { seats } = saga.state as { seats: number };
            await saveOne(t, changed(key, saga.version, { state: { seats: seats + 1 } }));
          });
        await Promise.all(Array.from({ length: 8 }, add));
        expect(await load(key)).toMatchObject({ state: { seats: 8 }, version: 9 });
      });

      it('that know the same version do not both win', async () => {
        const { key } = await start();
        await tx((t) => saveOne(t, changed(key, 1)));
        await expect(tx((t) => saveOne(t, changed(key, 1)))).rejects.toThrow(SagaConflictError);
      });
    });

    describe('S4 a transaction that fails', () => {
      const failing = (work: (t: Tx) => Promise<unknown>) =>
        tx(async (t) => {
          await work(t);
          throw new Error('after all');
        });

      it('leaves no saga', async () => {
        const saga = started([later()]);
        await expect(failing((t) => startOne(t, saga))).rejects.toThrow('after all');
        expect(await find(saga.key)).toBeUndefined();
        expect(await tx((t) => startOne(t, saga))).toBe(true);
      });

      it('leaves state, history and timeouts as they were', async () => {
        const { key } = await start(started([later()]));
        const before = await find(key);
        await expect(
          failing((t) =>
            saveOne(t, changed(key, 1, { arm: [later('in flying')], disarm: ['overdue'] })),
          ),
        ).rejects.toThrow('after all');
        expect(await find(key)).toEqual(before);
      });

      it('leaves a claimed timeout due', async () => {
        const { key } = await start(started([due()]));
        await expect(failing((t) => store.claim(t, KNOWN))).rejects.toThrow('after all');
        expect(await claim()).toMatchObject({ timeout: { key } });
      });
    });

    describe('S5 a finished saga', () => {
      it('keeps its key until it is forgotten', async () => {
        const saga = await start();
        await tx((t) => saveOne(t, changed(saga.key, 1, { done: true })));
        expect(await tx((t) => store.forget(t, 'trip', 3_600_000))).toBe(0);
        expect(await tx((t) => startOne(t, saga))).toBe(false);
        expect(await tx((t) => store.forget(t, 'trip', -1_000))).toBeGreaterThan(0);
        expect(await tx((t) => startOne(t, saga))).toBe(true);
      });

      it('may be finished from the start', async () => {
        const saga = await start({ ...started(), done: true });
        expect(await load(saga.key)).toMatchObject({ done: true });
      });

      it('is forgotten alone: those that go on stay', async () => {
        const { key } = await start();
        await tx((t) => store.forget(t, 'trip', -1_000));
        expect(await load(key)).toBeDefined();
      });
    });

    describe('S6 timeouts', () => {
      it('are claimed when due, with their saga, once', async () => {
        const { key } = await start(started([due('overdue', 2), later('in flying')]));
        expect(await claim()).toMatchObject({
          timeout: { saga: 'trip', key, name: 'overdue', times: 2, failures: 0 },
          saga: { key, state: { city: 'Rome' } },
        });
        expect(await claim()).toBeUndefined();
        expect(await find(key)).toMatchObject({ timeouts: [{ name: 'in flying' }] });
      });

      it('of a finished saga are gone', async () => {
        const { key } = await start(started([due()]));
        await tx((t) => saveOne(t, changed(key, 1, { done: true, arm: [due('in flying')] })));
        expect(await claim()).toBeUndefined();
      });

      it('are cancelled and armed anew by a change', async () => {
        const { key } = await start(started([due('in flying'), later('overdue')]));
        await tx((t) =>
          saveOne(t, changed(key, 1, { disarm: ['in flying'], arm: [due('overdue', 1)] })),
        );
        expect(await claim()).toMatchObject({ timeout: { name: 'overdue', times: 1 } });
        expect(await find(key)).toMatchObject({ timeouts: [] });
      });

      it('go to one of those who claim at the same time', async () => {
        const keys = await Promise.all(
          Array.from({ length: 4 }, async () => (await start(started([due()]))).key),
        );
        const claims = await Promise.all(Array.from({ length: 8 }, claim));
        expect(claims.flatMap((claimed) => claimed?.timeout.key ?? []).sort()).toEqual(keys.sort());
      });

      it('whose step failed come back later, with the reason', async () => {
        const { key } = await start(started([due()]));
        await tx((t) =>
          store.postpone(t, { saga: 'trip', key, name: 'overdue' }, 60_000, 'no room'),
        );
        expect(await claim()).toBeUndefined();
        expect(await find(key)).toMatchObject({
          timeouts: [{ name: 'overdue', failures: 1, error: 'no room' }],
        });
        expect((await tx((t) => store.list(t, { failing: true }))).map((saga) => saga.key)).toEqual(
          [key],
        );
        await tx((t) => saveOne(t, changed(key, 1, { done: true })));
      });

      it('whose step took effect, though it seemed to fail, keep the time for which they were armed anew', async () => {
        const armed = { name: 'overdue', after: 30_000, times: 1 };
        const { key } = await start(started([armed]));
        await tx((t) =>
          store.postpone(t, { saga: 'trip', key, name: 'overdue' }, 0, 'no answer to the commit'),
        );
        expect(await claim()).toBeUndefined();
        expect(await find(key)).toMatchObject({ timeouts: [{ name: 'overdue', failures: 0 }] });
        await tx((t) => saveOne(t, changed(key, 1, { done: true })));
      });

      it('that this version does not know wait for one that does', async () => {
        const { key } = await start(started([due('of tomorrow')]));
        expect(await claim()).toBeUndefined();
        expect(
          await tx((t) => store.claim(t, [{ saga: 'trip', name: 'of tomorrow' }])),
        ).toMatchObject({ timeout: { key } });
      });

      it('tell when the next one is due', async () => {
        await tx((t) => store.forget(t, 'trip', -1_000));
        const { key } = await start(started([{ name: 'soonest', after: 30_000, times: 0 }]));
        const next = await tx((t) => store.nextDue(t, [{ saga: 'trip', name: 'soonest' }]));
        expect(next).toBeGreaterThan(0);
        expect(next).toBeLessThanOrEqual(30_000);
        expect(
          await tx((t) => store.nextDue(t, [{ saga: 'other', name: 'soonest' }])),
        ).toBeUndefined();
        expect(key).toBeDefined();
      });
    });

    describe('S12 several sagas at once', () => {
      it('start: those whose key is taken stay as they are', async () => {
        const old = await start();
        const [one, two] = [started([due()]), started([later()], { city: 'Lima' })];
        const again = { ...old, state: { city: 'Lima' }, arm: [later()] };
        const begun = await tx((t) => store.start(t, [one, again, two]));
        expect([...begun].sort()).toEqual([one.key, two.key].sort());
        expect(await find(old.key)).toMatchObject({ state: { city: 'Rome' }, timeouts: [] });
        expect(await find(two.key)).toMatchObject({ state: { city: 'Lima' }, version: 1 });
        expect(await claim()).toMatchObject({ timeout: { key: one.key } });
      });

      it('are loaded, and changed each by itself', async () => {
        const [one, two] = [await start(started([later()])), await start(started([due()]))];
        const keys = [two.key, 'nowhere', one.key];
        await tx(async (t) => {
          const loaded = await store.load(t, 'trip', keys);
          expect([...loaded.keys()].sort()).toEqual([one.key, two.key].sort());
          await store.save(t, [
            changed(one.key, 1, { disarm: ['overdue'], arm: [later('in flying')] }),
            changed(two.key, 1, { done: true, state: { city: 'Bern' }, stage: undefined }),
          ]);
        });
        expect(await find(one.key)).toMatchObject({
          state: { city: 'Oslo' },
          version: 2,
          timeouts: [{ name: 'in flying' }],
        });
        expect(await find(two.key)).toMatchObject({ state: { city: 'Bern' }, done: true });
        expect(await claim()).toBeUndefined();
      });

      it('are all as before when one of them was changed meanwhile', async () => {
        const [one, two] = [await start(), await start()];
        await tx((t) => saveOne(t, changed(two.key, 1)));
        await expect(
          tx((t) => store.save(t, [changed(one.key, 1), changed(two.key, 1)])),
        ).rejects.toThrow(SagaConflictError);
        expect(await load(one.key)).toMatchObject({ version: 1, state: { city: 'Rome' } });
      });

      it('are locked in one order: transactions that need the same ones take turns', async () => {
        const keys = [(await start()).key, (await start()).key, (await start()).key];
        const step = (order: readonly string[]) =>
          tx(async (t) => {
            const loaded = await store.load(t, 'trip', order);
            await store.save(
              t,
              order.map((key) => changed(key, loaded.get(key)!.version)),
            );
          });
        await Promise.all(
          Array.from({ length: 8 }, (_, n) => step(n % 2 ? keys : keys.toReversed())),
        );
        for (const key of keys) expect(await load(key)).toMatchObject({ version: 9 });
      });
    });

    it('S7 a saga that never started is not found', async () => {
      expect(await load('nowhere')).toBeUndefined();
      expect(await find('nowhere')).toBeUndefined();
    });

    it('S9 a state comes back as it was: nested, in any script, with exact numbers', async () => {
      const state = {
        text: 'Zoë 東京 🛫 "quoted" \\ \n \u0000 \ud800 الرباط',
        numbers: [0.1, 1e-7, 9007199254740991, -42, 1.7976931348623157e308],
        nested: { deep: [{ deeper: [[], {}, null, true] }] },
        'a.key with "signs"': '',
      };
      const saga = await start(started([], state));
      expect((await load(saga.key))!.state).toEqual(JSON.parse(JSON.stringify(state)));
    });

    it('S11 loaded twice in one transaction, a saga is seen as it is, and saved once per version', async () => {
      const { key } = await start();
      const twice = tx(async (t) => {
        const [first, second] = [(await loadOne(t, key))!, (await loadOne(t, key))!];
        await saveOne(t, changed(key, first.version));
        expect(await loadOne(t, key)).toMatchObject({
          version: 2,
          state: { city: 'Oslo' },
        });
        await saveOne(t, changed(key, second.version));
      });
      await expect(twice).rejects.toThrow(SagaConflictError);
      expect(await load(key)).toMatchObject({ version: 1, state: { city: 'Rome' } });
    });

    it('remembers the start and the last steps, and no more', async () => {
      const { key } = await start();
      for (let version = 1; version < HISTORY_LIMIT + 5; version++) {
        await tx((t) =>
          saveOne(t, changed(key, version, { entry: { ...ENTRY, trigger: `step ${version}` } })),
        );
      }
      const { history } = (await find(key))!;
      expect(history).toHaveLength(HISTORY_LIMIT);
      expect([history[0]!.trigger, history[1]!.trigger, history.at(-1)!.trigger]).toEqual([
        'trips.trip-requested',
        'step 6',
        `step ${HISTORY_LIMIT + 4}`,
      ]);
    });

    it('lists by name, stage, end and age', async () => {
      const { key } = await start({ ...started(), stage: 'listed' });
      const keys = async (filter: Parameters<SagaStore['list']>[1]) =>
        (await tx((t) => store.list(t, { stage: 'listed', ...filter }))).map((saga) => saga.key);
      expect(await keys({})).toEqual([key]);
      expect(await keys({ name: 'trip', done: false })).toEqual([key]);
      expect(await keys({ done: true })).toEqual([]);
      expect(await keys({ name: 'journey' })).toEqual([]);
      expect(await keys({ olderThan: 60_000 })).toEqual([]);
    });

    it('lists those of some conversations', async () => {
      const { key } = await start({ ...started(), correlationId: 'conversation, "odd"' });
      await start();
      const keys = async (...conversations: string[]) =>
        (await tx((t) => store.list(t, { conversations }))).map((saga) => saga.key);
      expect(await keys('another', 'conversation, "odd"')).toEqual([key]);
      expect(await keys('another')).toEqual([]);
      expect(await keys()).toEqual([]);
    });
  });
}

/** Of characters that take three bytes each, in no order. */
const longest = (): string =>
  Array.from({ length: MAX_INDEXED_CHARACTERS }, () =>
    String.fromCodePoint(0x4e00 + randomInt(20_000)),
  ).join('');
