import { milliseconds } from '@parley/contract';
import { MemorySubjectKeys } from '@parley/memory';
import { SubjectKeyCache } from '@parley/messaging/transport';
import { VirtualClock } from '@parley/testing';
import { z } from 'zod';
import { MemorySagaStore } from './memory-saga-store';
import { saga } from './saga';
import { SagaOperations } from './saga-operations';
import type { SagaStart } from './saga-store';
import { SealedSagaStore } from './sealed-saga-store';

const State = z.object({
  rideId: z.string(),
  stage: z.enum(['booked', 'paid']),
  guest: z.object({ name: z.string() }),
  token: z.string().optional(),
});
const ride = saga('ride', {
  state: State,
  by: 'rideId',
  personal: { fields: { guest: { name: 'erased' } } },
  secret: { fields: { token: 'expired' }, life: '1d' },
});
const TOKEN = 'tok_4242_of_nobody';
const STATE = { rideId: 'r-1', stage: 'booked', guest: { name: 'Ada Lovelace' }, token: TOKEN };
const NO_TX = { undo: () => undefined } as never;

let clock: VirtualClock;
let inner: MemorySagaStore;
let store: SealedSagaStore;

const begun = (key = 'r-1'): SagaStart => ({
  name: 'ride',
  key,
  state: { ...STATE, rideId: key },
  stage: 'booked',
  done: false,
  correlationId: 'c-1',
  traceparent: 't',
  arm: [{ name: 'overdue', after: 0, times: 0 }],
  entry: { at: new Date(0).toISOString(), trigger: 'ride.requested', said: [] },
});
/** As it lies in the table. */
const stored = async (key = 'r-1') => JSON.stringify(await inner.find(NO_TX, 'ride', key));

beforeEach(async () => {
  clock = new VirtualClock();
  inner = new MemorySagaStore(clock);
  store = new SealedSagaStore(
    inner,
    [ride],
    new SubjectKeyCache(new MemorySubjectKeys(clock), clock),
  );
  expect(await store.start(NO_TX, [begun()])).toEqual(new Set(['r-1']));
});

describe('the secrets of a saga', () => {
  it('are encrypted where it is stored, at its start and after each step, and as they are for its steps', async () => {
    expect(await stored()).not.toContain(TOKEN);
    const loaded = (await store.load(NO_TX, 'ride', ['r-1'])).get('r-1')!;
    expect(loaded.state).toEqual(STATE);
    const paid = { ...STATE, stage: 'paid' };
    const { entry } = begun();
    await store.save(NO_TX, [
      { ...loaded, state: paid, stage: 'paid', arm: [], disarm: [], entry },
    ]);
    expect(await stored()).not.toContain(TOKEN);
    expect((await store.load(NO_TX, 'ride', ['r-1'])).get('r-1')!.state).toEqual({
      ...STATE,
      stage: 'paid',
    });
  });

  it('are as they are for the step of a timeout, too', async () => {
    await clock.advance(1);
    expect((await store.claim(NO_TX, [{ saga: 'ride', name: 'overdue' }]))!.saga.state).toEqual(
      STATE,
    );
  });

  it('are what the saga declares once their time is over', async () => {
    await clock.advance(milliseconds('49h'));
    expect((await store.load(NO_TX, 'ride', ['r-1'])).get('r-1')!.state).toEqual({
      ...STATE,
      token: 'expired',
    });
  });

  it('are read where they were stored before they were secret', async () => {
    await inner.start(NO_TX, [begun('r-2')]);
    expect((await store.load(NO_TX, 'ride', ['r-2'])).get('r-2')!.state).toEqual({
      ...STATE,
      rideId: 'r-2',
    });
  });

  it('cannot be read when they were copied from another saga', async () => {
    const { state } = (await inner.find(NO_TX, 'ride', 'r-1'))!;
    await inner.start(NO_TX, [{ ...begun('r-2'), state }]);
    await expect(store.load(NO_TX, 'ride', ['r-2'])).rejects.toThrow(
      'is not what was encrypted for this message',
    );
  });

  it('are not shown to operators, and neither is what is personal, also of states stored in plain', async () => {
    await inner.start(NO_TX, [begun('r-2')]);
    const operations = new SagaOperations([ride], store, { run: (work) => work(NO_TX) });
    for (const key of ['r-1', 'r-2']) {
      const shown = await operations.find('ride', key);
      expect(shown!.state).toEqual({
        ...STATE,
        rideId: key,
        guest: { name: 'erased' },
        token: 'expired',
      });
      expect(JSON.stringify([shown, await operations.list()])).not.toMatch(
        /Lovelace|tok_4242|sealed/,
      );
    }
  });

  it('want a place for keys', () => {
    expect(() => new SealedSagaStore(inner, [ride], undefined)).toThrow(
      'ride has secrets, but this service reads no key store; set KEYS_URL',
    );
  });
});
