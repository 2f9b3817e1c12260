import { randomUUID } from 'node:crypto';
import { event } from '@parley/contract';
import { MemoryStore, type MemoryTx } from '@parley/memory';
import { VirtualClock } from '@parley/testing';
import { z } from 'zod';
import type { HandlerContext } from '../message/handler-context';
import {
  AlreadyHandledError,
  type Failure,
  IdConflictError,
  LaneParkedError,
  LeaseLostError,
} from '../message/failure';
import type { Handler, HandlerOptions, RegisteredSubscription } from '../ports/subscription';
import { OutageError } from '../ports/outage';
import type { Delivery } from '../ports/delivery';
import { pipelineOn } from './pipeline.fixture';

const Sealed = event('chancery.letter-sealed', z.object({ letter: z.string() }), { key: 'letter' });
const failure: Failure = {
  error: 'Error',
  message: 'm',
  stack: '',
  tries: 1,
  instance: 'i',
  firstFailedAt: '',
  lastFailedAt: '',
};

class StoreAway extends OutageError {
  override readonly effect = 'none';
}

let store: MemoryStore;
let clock: VirtualClock;
let complaints: string[];

beforeEach(() => {
  clock = new VirtualClock();
  store = new MemoryStore(clock);
  complaints = [];
});

type Run = (context: HandlerContext<MemoryTx>) => Promise<unknown>;

/**
 * A delivery of a technology that lives in the service's database, and so acknowledges within the
 * transaction.
 */
function deliver(
  run: Run,
  settle: Delivery['acknowledgeInTransaction'],
  options: HandlerOptions = {},
) {
  const pipeline = pipelineOn({
    store,
    clock,
    instance: 'chancery-1',
    log: (level, message) => void (level === 'error' && complaints.push(message)),
  });
  const handler: Handler = {
    contract: Sealed,
    options,
    name: 'Clerk.sealed',
    run: ((_: unknown, context: HandlerContext<MemoryTx>) => run(context)) as never,
  };
  const subscription: RegisteredSubscription = {
    kind: 'event',
    name: 'chancery.book',
    from: 'beginning',
    live: false,
    concurrency: 1,
    handlers: new Map([[Sealed.name, handler]]),
  };
  const headers = { id: randomUUID(), type: Sealed.name, partitionkey: 'l-1' };
  const supports = { retry: false, dead: false };
  return pipeline.deliver({
    subscription,
    headers,
    body: Buffer.from('{"letter":"l-1"}'),
    attempt: 1,
    signal: new AbortController().signal,
    acknowledgeInTransaction: settle,
    supports,
  });
}

const parkOne = () =>
  store.lanes.park(
    undefined,
    {
      subscription: 'chancery.book',
      key: 'l-1',
      headers: { id: randomUUID() },
      body: Buffer.from('{}'),
    },
    { after: 60_000, failure },
  );
const parkedOnes = () => [...store.lanes['table'].rows()].length;
const inOrder: NonNullable<Delivery['acknowledgeInTransaction']> = async (_, order) => {
  if (order?.inOrder) throw new LaneParkedError('an earlier one is parked');
};
const fails: Run = () => Promise.reject(new Error('no such letter'));
const succeeds: Run = async () => undefined;

describe('an acknowledgement within the transaction', () => {
  it('is its last statement, and all of it', async () => {
    const steps: string[] = [];
    const outcome = await deliver(
      async () => void steps.push('handled'),
      async () => void steps.push('settled'),
    );
    expect([outcome, steps]).toEqual([{ kind: 'done', settled: true }, ['handled', 'settled']]);
  });

  it('that finds another message under its id makes it a dead letter for which its lane does not wait', async () => {
    const outcome = await deliver(succeeds, (_, order) =>
      order?.print === undefined ? Promise.resolve() : Promise.reject(new IdConflictError('an id')),
    );
    expect(outcome).toEqual({ kind: 'done', settled: true });
    expect(await store.lanes.deadLetters.list()).toMatchObject([
      { holds: false, failure: { error: 'IdConflictError' } },
    ]);
    expect([...(await store.lanes.parked('chancery.book'))]).toEqual([]);
  });

  it.each<[string, Run]>([
    ['succeeded', succeeds],
    ['failed', fails],
  ])(
    'that is refused because the lease is lost gives the message back, also when the handler %s',
    async (_, run) => {
      let tries = 0;
      const outcome = await deliver(
        (context) => (tries++, run(context)),
        () => Promise.reject(new LeaseLostError('too late')),
      );
      expect([outcome, tries, complaints]).toEqual([{ kind: 'return' }, 1, []]);
    },
  );

  it.each<[string, Run]>([
    ['succeeded', succeeds],
    ['failed', fails],
  ])(
    'that is refused because it is there already makes it a duplicate, also when the handler %s',
    async (_, run) => {
      let tries = 0;
      const outcome = await deliver(
        (context) => (tries++, run(context)),
        () => Promise.reject(new AlreadyHandledError('seen')),
      );
      expect([outcome, tries, complaints]).toEqual([{ kind: 'done', settled: false }, 1, []]);
    },
  );

  it.each<[string, Run]>([
    ['succeeded', succeeds],
    ['failed, as it may without what comes before it,', fails],
  ])(
    'that is refused because its lane is parked lets it wait there, also when the handler %s',
    async (_, run) => {
      await parkOne();
      let tries = 0;
      const outcome = await deliver((context) => (tries++, run(context)), inOrder);
      expect([outcome, tries, complaints, parkedOnes()]).toEqual([
        { kind: 'done', settled: true },
        1,
        [],
        2,
      ]);
    },
  );

  it('comes back when the lane was released meanwhile', async () => {
    expect(await deliver(succeeds, inOrder)).toEqual({ kind: 'return' });
    expect(parkedOnes()).toBe(0);
  });

  it('takes the message into its lane when its handling keeps failing', async () => {
    const settled: boolean[] = [];
    const outcome = await deliver(
      fails,
      async (_, order) => void settled.push(order?.inOrder ?? false),
    );
    expect([outcome, parkedOnes()]).toEqual([{ kind: 'done', settled: true }, 1]);
    expect(settled.at(-1)).toBe(false);
  });

  it('is not reached by a handler with a transaction of its own before its turn: it does nothing outside', async () => {
    await parkOne();
    let outside = 0;
    const outcome = await deliver(
      async ({ transaction }) => (outside++, transaction(async () => undefined)),
      inOrder,
      { transaction: 'own' },
    );
    expect([outcome, outside, parkedOnes()]).toEqual([{ kind: 'done', settled: true }, 0, 2]);
  });
});

describe('a store that fails', () => {
  it('gives the message back after a breath, and says so', async () => {
    store.transaction = () => Promise.reject(new Error('disk full'));
    const delivered = deliver(fails, undefined);
    let ended = false;
    void delivered.then(() => (ended = true));
    await clock.advance('999ms');
    expect(ended).toBe(false);
    await clock.advance('1ms');
    expect(await delivered).toEqual({ kind: 'return' });
    expect(complaints).toEqual([
      expect.stringContaining(
        'chancery.letter-sealed could not be kept in the store of chancery.book; it is given back',
      ),
    ]);
  });

  it('is no error of the service when it is away', async () => {
    store.transaction = () => Promise.reject(new StoreAway('nobody there'));
    const delivered = deliver(fails, undefined);
    await clock.advance('1s');
    expect(await delivered).toEqual({ kind: 'return' });
    expect(complaints).toEqual([]);
  });
});
