import { randomUUID } from 'node:crypto';
import { event } from '@parley/contract';
import { MemoryStore, type MemoryTx } from '@parley/memory';
import { VirtualClock } from '@parley/testing';
import { Observable, type Subscriber } from 'rxjs';
import { z } from 'zod';
import type { HandlerContext } from '../message/handler-context';
import {
  AlreadyHandledError,
  type Failure,
  IdConflictError,
  LaneParkedError,
  LeaseLostError,
  UnrecoverableError,
} from '../message/failure';
import type { Headers } from '../message/message';
import type { Handler, HandlerOptions, RegisteredSubscription } from '../ports/subscription';
import { OutageError } from '../ports/outage';
import type { Delivery } from '../ports/delivery';
import type { DeliveryObserver } from '../ports/observer';
import { CircuitBreakers } from './circuit-breakers';
import { HandlerRuns } from './handler-runs';
import type { Pipeline } from './pipeline';
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
let warnings: string[];
let pipeline: Pipeline;

beforeEach(() => {
  clock = new VirtualClock();
  store = new MemoryStore(clock);
  [complaints, warnings] = [[], []];
  const lines: Record<string, string[]> = { error: complaints, warn: warnings };
  const log = (level: string, message: string) => void lines[level]?.push(message);
  pipeline = pipelineOn({ store, clock, instance: 'chancery-1', log });
});

const handlers = new Map<string, Handler>();
const subscription: RegisteredSubscription = {
  kind: 'event',
  name: 'chancery.book',
  from: 'beginning',
  live: false,
  concurrency: 1,
  handlers,
};

type Run = (context: HandlerContext<MemoryTx>) => unknown;

/**
 * A delivery of a technology that lives in the service's database, and so acknowledges within the
 * transaction.
 */
function deliver(
  run: Run,
  settle: Delivery['acknowledgeInTransaction'],
  options: HandlerOptions = {},
  headers: Headers = { id: randomUUID(), type: Sealed.name, partitionkey: 'l-1' },
) {
  const handler: Handler = {
    contract: Sealed,
    options,
    name: 'Clerk.sealed',
    run: ((_: unknown, context: HandlerContext<MemoryTx>) => run(context)) as never,
  };
  handlers.set(Sealed.name, handler); // looked up at once
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
type Settle = NonNullable<Delivery['acknowledgeInTransaction']>;
const inOrder: Settle = async (_, order) => {
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

  it.each([[], ['sealed', 'sent']])(
    'waits for the end of what a handler returns as an Observable: %s %s',
    async (...values) => {
      const steps: string[] = [];
      const end = (subscriber: Subscriber<string>) => {
        for (const value of values) subscriber.next(value);
        steps.push('handled');
        subscriber.complete();
      };
      const outcome = await deliver(
        () => new Observable<string>((subscriber) => void setImmediate(end, subscriber)),
        async () => void steps.push('settled'),
      );
      expect([outcome, steps]).toEqual([{ kind: 'done', settled: true }, ['handled', 'settled']]);
    },
  );

  it('is of the transaction that the handler gets, and of no other when it asks for one', async () => {
    const used: unknown[] = [];
    await deliver(
      ({ tx, transaction }) => transaction(async (own) => used.push(tx, own)),
      async (tx) => void used.push(tx),
    );
    expect(new Set(used).size).toBe(1);
    expect(used).toHaveLength(3);
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
      let [tries, refusals] = [0, 0];
      const outcome = await deliver(
        (context) => (tries++, run(context)),
        () => (refusals++, Promise.reject(new LeaseLostError('too late'))),
      );
      expect([outcome, tries, refusals, complaints]).toEqual([{ kind: 'return' }, 1, 1, []]);
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

  it.each<[string, Run]>([
    ['opens', ({ transaction }) => transaction(async () => undefined)],
    ['never opens', succeeds],
  ])('happens once with a transaction of its own, which the handler %s', async (_, run) => {
    let times = 0;
    const outcome = await deliver(run, async () => void times++, { transaction: 'own' });
    expect([outcome, times]).toEqual([{ kind: 'done', settled: true }, 1]);
  });

  it('that finds a failing message handled elsewhere when it is to be kept makes it a duplicate', async () => {
    const handledMeanwhile: Settle = async (_, order) => {
      if (!order) throw new AlreadyHandledError('seen');
    };
    expect(await deliver(fails, handledMeanwhile)).toEqual({ kind: 'done', settled: false });
    expect(parkedOnes()).toBe(0);
  });

  it('is not reached by a message whose lane is known to be parked: it is not handled in vain', async () => {
    await deliver(fails, async () => undefined);
    let tries = 0;
    const outcome = await deliver(
      async () => void tries++,
      async () => undefined,
    );
    expect([outcome, tries, parkedOnes()]).toEqual([{ kind: 'done', settled: true }, 0, 2]);
  });

  it('costs a look at the lane only until it is known to be free', async () => {
    await deliver(fails, async () => undefined);
    const look = jest.spyOn(store.lanes, 'parkIfLaneBlocked').mockResolvedValue(false);
    const looks: number[] = [];
    for (let n = 0; n < 2; n++) {
      await deliver(succeeds, async () => undefined);
      looks.push(look.mock.calls.length);
    }
    expect(looks).toEqual([1, 1]);
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

describe('a paused subscription', () => {
  let circuitBreakers: CircuitBreakers;

  beforeEach(async () => {
    circuitBreakers = new CircuitBreakers({ minimumThroughput: 1 }, clock, () => undefined);
    pipeline = pipelineOn({ store, clock, instance: 'chancery-1', circuitBreakers });
    (await circuitBreakers.acquire(subscription))!.failed(new Error('down'), 'm-1');
  });

  it('has one probe at a time, and counts nothing against one that fails', async () => {
    const [seen, tries]: [string[], number[]] = [[], []];
    const observer: DeliveryObserver = { handled: (handling) => void tries.push(handling.tries) };
    pipeline = pipelineOn({ store, clock, instance: 'chancery-1', circuitBreakers, observer });
    const failsOnce: Run = () => {
      seen.push('first');
      if (seen.length === 1) throw new Error('still down');
    };
    const handled = Promise.all([
      deliver(failsOnce, undefined, { retry: { immediate: 0, delays: [] } }),
      deliver(() => seen.push('second'), undefined),
    ]);
    await clock.advance('1s');
    expect(seen).toEqual(['first']);
    await clock.advance('2s');
    await handled;
    expect([seen, tries]).toEqual([
      ['first', 'second', 'first'],
      [1, 1],
    ]);
  });

  it.each<[string, Run, Settle | undefined]>([
    ['can never succeed', () => Promise.reject(new UnrecoverableError('never')), undefined],
    ['loses its lease', succeeds, () => Promise.reject(new LeaseLostError('too late'))],
  ])('takes the next message as its probe when the first %s', async (_, run, settle) => {
    let tries = 0;
    const probe = deliver((context) => (tries++, run(context)), settle);
    const next = deliver(succeeds, async () => undefined);
    await clock.advance('1s');
    expect([await probe, await next]).toEqual([
      settle ? { kind: 'return' } : { kind: 'done', settled: false },
      { kind: 'done', settled: true },
    ]);
    expect([tries, circuitBreakers.isPaused(subscription)]).toEqual([1, false]);
  });
});

describe('the log', () => {
  it('calls a message that is tried again a warning and a dead letter an error, each with its failure', async () => {
    const lines: unknown[] = [];
    const log = (level: string, _: string, details: unknown) => void lines.push([level, details]);
    pipeline = pipelineOn({ store, clock, instance: 'chancery-1', log });
    await deliver(fails, undefined);
    await deliver(
      () => Promise.reject(new UnrecoverableError('never')),
      undefined,
      {},
      {
        id: randomUUID(),
        type: Sealed.name,
        partitionkey: 'l-2',
      },
    );
    expect(lines).toMatchObject([
      ['warn', { failure: { message: 'no such letter', tries: 4 } }],
      ['error', { failure: { message: 'never', tries: 1 } }],
    ]);
  });
});

describe('a store that fails', () => {
  it('is told of with the reason', async () => {
    const lines: unknown[] = [];
    const log = (level: string, _: string, details: unknown) => void lines.push([level, details]);
    pipeline = pipelineOn({ store, clock, instance: 'chancery-1', log });
    const full = new Error('disk full');
    store.transaction = () => Promise.reject(full);
    void deliver(fails, undefined);
    await clock.advance('1s');
    expect(lines).toEqual([['error', { error: full }]]);
  });

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

  it('pauses the subscription like anything else that its handlings need', async () => {
    const circuitBreakers = new CircuitBreakers({ minimumThroughput: 2 }, clock, () => undefined);
    pipeline = pipelineOn({ store, clock, instance: 'chancery-1', circuitBreakers });
    store.transaction = () => Promise.reject(new Error('disk full'));
    const delivered = Promise.all([deliver(fails, undefined), deliver(fails, undefined)]);
    await clock.advance('1s');
    await delivered;
    expect(circuitBreakers.paused()).toMatchObject([
      { subscription: 'chancery.book', reason: expect.stringContaining('disk full') },
    ]);
  });

  it('to answer gives the message back, and is seen in the health as a handler would be', async () => {
    const runs = new HandlerRuns(clock, () => undefined);
    pipeline = pipelineOn({ store, clock, instance: 'chancery-1', runs });
    store.transaction = () => new Promise(() => undefined);
    const delivered = deliver(succeeds, undefined, {}, {});
    await clock.advance(29_999);
    expect(runs.overdue()).toEqual([]);
    await clock.advance(1);
    expect(runs.overdue()).toEqual([
      {
        kind: 'event',
        contract: 'unknown',
        subscription: 'chancery.book',
        id: '',
        handler: 'the store of chancery.book',
        age: 30_000,
        ended: false,
      },
    ]);
    await clock.advance('6s');
    expect(await delivered).toEqual({ kind: 'return' });
  });

  it('only when the failed message is to be kept gives it back after a breath, too', async () => {
    const fullWhenKept: Settle = async (_, order) => {
      if (!order) throw new Error('disk full');
    };
    const delivered = deliver(fails, fullWhenKept);
    await clock.advance('1s');
    expect(await delivered).toEqual({ kind: 'return' });
    expect(complaints).toEqual([expect.stringContaining('could not be kept in the store')]);
  });

  it.each<[string, () => void]>([
    ['says so', () => (store.transaction = () => Promise.reject(new StoreAway('nobody there')))],
    [
      'is known for it by its errors',
      () => {
        store.transaction = () => Promise.reject(new Error('ECONNREFUSED'));
        Object.assign(store, { outage: () => new StoreAway('nobody there') });
      },
    ],
  ])(
    'is no error of the service when it is away, and %s: one warning in a while for all messages',
    async (_, breakStore) => {
      breakStore();
      const delivered = Promise.all([deliver(fails, undefined), deliver(fails, undefined)]);
      await clock.advance('1s');
      expect(await delivered).toEqual([{ kind: 'return' }, { kind: 'return' }]);
      expect(complaints).toEqual([]);
      expect(warnings).toEqual([
        expect.stringMatching(/^messages of chancery\.book .* are given back: nobody there$/),
      ]);
    },
  );
});
