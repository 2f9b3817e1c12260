import { randomUUID } from 'node:crypto';
import { Controller } from '@nestjs/common';
import { command, type Contract, type Message } from '@parley/contract';
import { MemoryStore } from '@parley/memory';
import { Harness, VirtualClock } from '@parley/testing';
import { z } from 'zod';
import type { BatchContext } from '../message/handler-context';
import { Handles } from '../handlers/handles';
import { AlreadyHandledError } from '../message/failure';
import type { Delivery, Outcome } from '../ports/delivery';
import type { Handler, RegisteredSubscription } from '../ports/subscription';
import { CircuitBreakers } from './circuit-breakers';
import { pipelineOn } from './pipeline.fixture';

const Weigh = command('scales.weigh', z.object({ parcel: z.string() }), { key: 'parcel' });
const Measure = command('scales.measure', z.object({ parcel: z.string() }), { key: 'parcel' });

const turn = () => new Promise((resolve) => setImmediate(resolve));

it('a batch is acknowledged in the order of its keys: two with the same messages do not wait for each other', async () => {
  const harness = new Harness();
  let handled: string[] = [];
  const parcels = new Map<string, string | undefined>();
  @Controller()
  class Scales {
    @Handles(Weigh, { batch: 10 })
    weigh(messages: Message<typeof Weigh>[], { envelopes }: BatchContext): void {
      handled = messages.map(({ parcel }) => parcel);
      for (const { id, partitionkey } of envelopes) parcels.set(id, partitionkey);
    }
  }
  for (const parcel of ['d', 'b', 'e', 'a', 'c']) await harness.send(Weigh, { parcel });
  const acknowledged: (string | undefined)[] = [];
  const { store } = await harness.start('scales', { controllers: [Scales] });
  const record = store.inbox.record.bind(store.inbox);
  store.inbox.record = (tx, subscription, id, print) => (
    acknowledged.push(parcels.get(id)),
    record(tx, subscription, id, print)
  );
  await harness.settled();

  expect(handled).toEqual(['d', 'b', 'e', 'a', 'c']);
  expect(acknowledged).toEqual(['a', 'b', 'c', 'd', 'e']);
  await harness.close();
});

describe('a batch', () => {
  let steps: string[];
  let handle: (parcels: string[]) => unknown;
  let circuitBreakers: CircuitBreakers;
  let subscription: RegisteredSubscription;
  let deliver: (parcel: string, delivery?: Partial<Delivery>) => Promise<Outcome>;

  const handlerOf = (contract: Contract): Handler => ({
    contract,
    options: { batch: 10, retry: { immediate: 0 } },
    name: 'Scales.weigh',
    run: ((messages: Message<typeof Weigh>[]) => {
      const parcels = messages.map(({ parcel }) => parcel);
      steps.push(`handled ${parcels.join('')}`);
      return handle(parcels);
    }) as never,
  });
  const subscriptionOf = (name: string): RegisteredSubscription => ({
    kind: 'command',
    name,
    from: 'beginning',
    live: false,
    concurrency: 10,
    handlers: new Map([Weigh, Measure].map((contract) => [contract.name, handlerOf(contract)])),
  });
  const headersOf = (parcel: string, { name }: Contract = Weigh) => ({
    id: randomUUID(),
    type: name,
    partitionkey: parcel,
  });
  const fails = () => Promise.reject(new Error('the scales are stuck'));
  const pause = async () => {
    for (const message of ['m-1', 'm-2'])
      (await circuitBreakers.acquire(subscription))!.failed(new Error('down'), message);
  };
  let clock: VirtualClock;

  beforeEach(() => {
    clock = new VirtualClock();
    const store = new MemoryStore(clock);
    [steps, handle] = [[], () => undefined];
    const { parkIfLaneBlocked, isAnyBlocked } = store.lanes;
    store.lanes.parkIfLaneBlocked = (tx, message) => (
      steps.push(String(message.key)),
      parkIfLaneBlocked.call(store.lanes, tx, message)
    );
    store.lanes.isAnyBlocked = (tx, messages) => (
      steps.push(`asked ${messages.map(({ key }) => key).join('')}`),
      isAnyBlocked.call(store.lanes, tx, messages)
    );
    subscription = subscriptionOf('scales');
    circuitBreakers = new CircuitBreakers({ minimumThroughput: 2 }, clock, () => undefined);
    const pipeline = pipelineOn({ store, clock, instance: 'scales-1', circuitBreakers });
    // Of a technology that acknowledges outside the transaction, and leaves parking to the store.
    deliver = (parcel, delivery = {}) =>
      pipeline.deliver({
        subscription,
        headers: headersOf(parcel),
        body: Buffer.from(JSON.stringify({ parcel })),
        attempt: 1,
        signal: new AbortController().signal,
        supports: { retry: false, dead: false },
        ...delivery,
      });
  });

  const handled = () => steps.filter((step) => step.startsWith('handled'));

  it('checks its lanes together, in the order of its keys, before it is handled', async () => {
    await Promise.all(['d', 'b', 'e', 'a', 'c'].map((parcel) => deliver(parcel)));
    expect(steps).toEqual(['asked abcde', 'handled dbeac']);
  });

  describe('whose technology acknowledges several messages at once', () => {
    const acknowledgeInTransaction = async () => void steps.push('acknowledged one');
    let acknowledgeAll: NonNullable<Delivery['batchAcknowledgement']>['acknowledgeAll'];
    beforeEach(() => {
      acknowledgeAll = async (_, messages, { inOrder }) =>
        void steps.push(`acknowledged ${messages.map((one) => one.receipt).join('')} ${inOrder}`);
    });
    const deliverAt = (parcel: string, all = acknowledgeAll) =>
      deliver(parcel, {
        acknowledgeInTransaction,
        batchAcknowledgement: { receipt: parcel, acknowledgeAll: all },
      });

    it('is acknowledged in one statement, in the order of its keys', async () => {
      const outcomes = await Promise.all(['b', 'c', 'a'].map((parcel) => deliverAt(parcel)));
      expect(steps).toEqual(['handled bca', 'acknowledged abc true']);
      expect(outcomes).toEqual(Array(3).fill({ kind: 'done', settled: true }));
    });

    it('is acknowledged one by one when its messages belong to two of them', async () => {
      await Promise.all([deliverAt('a'), deliverAt('b', async () => undefined)]);
      expect(steps).toEqual(['handled ab', 'acknowledged one', 'acknowledged one']);
    });

    it('is rolled back when one of them was handled before: each is then handled alone', async () => {
      acknowledgeAll = () => Promise.reject(new AlreadyHandledError('one of two'));
      await Promise.all(['a', 'b'].map((parcel) => deliverAt(parcel)));
      expect(steps.slice(0, 1)).toEqual(['handled ab']);
      expect(steps.slice(1).sort()).toEqual([
        'acknowledged one',
        'acknowledged one',
        'handled a',
        'handled b',
      ]);
    });
  });

  it('checks no lanes in the store where the technology keeps them: no statement for nothing', async () => {
    const supports = { retry: true, dead: true };
    await Promise.all(['b', 'a'].map((parcel) => deliver(parcel, { supports })));
    expect(steps).toEqual(['handled ba']);
  });

  it.each<[string, () => Partial<Delivery>]>([
    ['of one subscription', () => ({ subscription: subscriptionOf('other-scales') })],
    ['of one contract', () => ({ headers: headersOf('b', Measure) })],
    ['acknowledged in one way', () => ({ acknowledgeInTransaction: async () => undefined })],
  ])('has messages %s', async (_, other) => {
    await Promise.all([deliver('a'), deliver('b', other())]);
    expect(handled()).toEqual(['handled a', 'handled b']);
  });

  it.each<[string, Partial<Delivery>]>([
    ['is delivered again', { attempt: 2 }],
    ['is no longer ours', { signal: AbortSignal.abort(new Error('the lease is lost')) }],
  ])('does not take a message that %s', async (_, delivery) => {
    await Promise.all([deliver('a', delivery), deliver('b'), deliver('c')]);
    expect(handled().sort()).toEqual(['handled a', 'handled bc']);
  });

  it('does not take a message behind a failed one, for which it would be rolled back', async () => {
    handle = fails;
    await deliver('a');
    [steps, handle] = [[], () => undefined];
    await Promise.all(['a', 'b', 'c'].map((parcel) => deliver(parcel)));
    expect(handled()).toEqual(['handled bc']);
    expect(steps.filter((step) => step === 'a')).toHaveLength(2); // asked, then parked
  });

  it('counts as so many handlings: two failures after it are few', async () => {
    await Promise.all(['a', 'b', 'c'].map((parcel) => deliver(parcel)));
    handle = fails;
    for (const parcel of ['d', 'e']) await deliver(parcel);
    expect(circuitBreakers.isPaused(subscription)).toBe(false);
  });

  it('that begins in a pause is none: one message is the probe', async () => {
    let finish = () => {};
    handle = () => new Promise<void>((resolve) => (finish = resolve));
    const first = Promise.all([deliver('a'), deliver('b')]);
    await turn();
    const second = Promise.all([deliver('c'), deliver('d')]);
    await pause();
    handle = () => undefined;
    finish();
    await first;
    await clock.advance('1s');
    await second;
    expect(handled()).toEqual(['handled ab', 'handled c', 'handled d']);
  });

  it('holds no message of a paused subscription: one whose lease is lost goes back at once', async () => {
    await pause();
    const lease = new AbortController();
    const probe = deliver('a');
    await turn();
    const lost = deliver('b', { signal: lease.signal });
    await turn();
    lease.abort(new Error('the lease is lost'));
    expect(await lost).toEqual({ kind: 'return' });
    await clock.advance('1s');
    expect(await probe).toEqual({ kind: 'done', settled: false });
  });
});
