import { randomUUID } from 'node:crypto';
import { broadcast, event, type Contract } from '@parley/contract';
import { MemoryStore } from '@parley/memory';
import { VirtualClock } from '@parley/testing';
import { z } from 'zod';
import { type Conversation, currentConversation } from '../message/handler-context';
import { UnrecoverableError } from '../message/failure';
import type { Handler, RegisteredSubscription } from '../ports/subscription';
import type { DeliveryObserver, Handling } from '../ports/observer';
import type { Delivery } from '../ports/delivery';
import { CircuitBreakers } from './circuit-breakers';
import { LATE_AT_MOST_MS } from './gap-detector';
import type { Pipeline } from './pipeline';
import { pipelineOn } from './pipeline.fixture';

const Letter = z.object({ letter: z.string() });
const Sealed = event('scribe.letter-sealed', Letter, { key: 'letter' });
const Rang = broadcast('scribe.bell-rang', Letter);

let store: MemoryStore;
let clock: VirtualClock;
let handlings: Handling[];
let missed: [string, number][];
let conversation: Conversation | undefined;
let run: () => unknown;
let pipeline: Pipeline;
let deliver: (
  contract: Contract,
  headers?: Record<string, string>,
  delivery?: Partial<Delivery>,
) => Promise<unknown>;

const observer: DeliveryObserver = {
  handled: (handling) => void handlings.push(handling),
  missed: (contract, messages) => void missed.push([contract, messages]),
};

beforeEach(() => {
  clock = new VirtualClock();
  store = new MemoryStore(clock);
  [handlings, missed] = [[], []];
  run = () => undefined;
  pipeline = pipelineOn({ store, clock, instance: 'chancery-1', observer });
  deliver = (contract, headers = {}, delivery = {}) =>
    pipeline.deliver({
      subscription: subscriptionOf(contract),
      headers: { id: randomUUID(), type: contract.name, partitionkey: 'l-1', ...headers },
      body: Buffer.from('{"letter":"l-1"}'),
      attempt: 1,
      signal: new AbortController().signal,
      supports: { retry: false, dead: false },
      ...delivery,
    });
});

function subscriptionOf(contract: Contract): RegisteredSubscription {
  const handler: Handler = {
    contract,
    options: {},
    name: 'Clerk.takes',
    run: (async () => {
      conversation = currentConversation();
      return run();
    }) as never,
  };
  return {
    kind: contract === Rang ? 'broadcast' : 'event',
    name: 'chancery.book',
    from: 'beginning',
    live: false,
    concurrency: 1,
    handlers: new Map([[contract.name, handler]]),
  };
}

const fails = () => Promise.reject(new Error('no such letter'));
const told = () => handlings.map(({ outcome, tries }) => [outcome, tries]);

describe('metrics and traces are told of a delivery', () => {
  it('its contract, subscription, attempt, age and how long it took', async () => {
    clock.jump(5_000);
    const began = performance.now();
    await deliver(Sealed, { time: '2026-01-01T00:00:00.000Z' }, { attempt: 3 });
    const { milliseconds } = handlings[0]!;
    expect(milliseconds).toBeGreaterThan(0);
    expect(milliseconds).toBeLessThanOrEqual(performance.now() - began);
    expect(handlings).toEqual([
      {
        kind: 'event',
        contract: 'scribe.letter-sealed',
        subscription: 'chancery.book',
        outcome: 'done',
        attempt: 3,
        tries: 1,
        milliseconds: expect.any(Number),
        age: 5_000,
        envelope: expect.objectContaining({ partitionkey: 'l-1' }),
        body: Buffer.from('{"letter":"l-1"}'),
      },
    ]);
  });

  it.each([undefined, 'yesterday', '2026-01-01T00:01:00.000Z'])(
    'an age of zero where it was sent at %s: unknown, or by a clock that is ahead',
    async (time) => {
      await deliver(Sealed, time === undefined ? {} : { time });
      expect(handlings).toMatchObject([{ age: 0 }]);
    },
  );

  it('how it ended, and after how many tries', async () => {
    const id = randomUUID();
    await deliver(Rang);
    await deliver(Sealed, { id });
    await deliver(Sealed, { id });
    await deliver(Sealed, {}, { body: Buffer.from('{') });
    run = () => Promise.reject(new UnrecoverableError('never'));
    await deliver(Sealed, { partitionkey: 'l-2' });
    run = fails;
    await deliver(Sealed, {}, { signal: AbortSignal.abort(new Error('the lease is lost')) });
    await deliver(Sealed);
    await deliver(Sealed);
    expect(await deliver(Rang)).toEqual({ kind: 'done', settled: false });
    expect(told()).toEqual([
      ['done', 1],
      ['done', 1],
      ['duplicate', 1],
      ['dead', 0],
      ['dead', 1],
      ['return', 1],
      ['retry', 4],
      ['parked', 1],
      ['dead', 1], // of a broadcast: nobody delivers it again
    ]);
  });

  it('its failure by class and message, and none where it did not fail', async () => {
    await deliver(Sealed);
    run = fails;
    await deliver(Sealed, { partitionkey: 'l-2' });
    run = () => Promise.reject(new UnrecoverableError('never'));
    await deliver(Sealed, { partitionkey: 'l-3' });
    expect(handlings.map(({ failure }) => failure?.message)).toEqual([
      undefined,
      'no such letter',
      'never',
    ]);
    expect(handlings[2]).toMatchObject({ failure: { error: 'UnrecoverableError' } });
  });

  it('the same where the technology keeps failed messages itself, and is asked to', async () => {
    const supports = { retry: true, dead: true };
    run = fails;
    const retried = await deliver(Sealed, {}, { supports });
    run = () => Promise.reject(new UnrecoverableError('never'));
    const died = await deliver(Sealed, {}, { supports });
    const headers = { id: randomUUID(), type: Sealed.name };
    const diedWithoutKey = await deliver(Sealed, {}, { supports, headers });
    expect(told()).toEqual([
      ['retry', 4],
      ['dead', 1],
      ['dead', 1],
    ]);
    expect([retried, died, diedWithoutKey]).toMatchObject([
      { kind: 'retry', after: 1_000, failure: { message: 'no such letter', tries: 4 } },
      { kind: 'dead', hold: true, failure: { message: 'never', tries: 1 } },
      { kind: 'dead', hold: false },
    ]);
    expect(await store.lanes.deadLetters.list()).toEqual([]);
  });

  it('of an unknown contract without its name: strangers may invent any number of them', async () => {
    await deliver(Sealed, { type: 'nobody.knows' });
    await deliver(Sealed, { type: '' });
    expect(handlings).toMatchObject([
      { contract: 'unknown', outcome: 'dead', envelope: undefined },
      { contract: 'unknown', outcome: 'dead' },
    ]);
  });

  it('that had no permit as not tried', async () => {
    const circuitBreakers = new CircuitBreakers({ minimumThroughput: 1 }, clock, () => undefined);
    pipeline = pipelineOn({ store, clock, instance: 'chancery-1', observer, circuitBreakers });
    const subscription = subscriptionOf(Sealed);
    (await circuitBreakers.acquire(subscription))!.failed(new Error('down'), 'm-1');
    circuitBreakers.stop();
    expect(await deliver(Sealed, {}, { subscription })).toEqual({ kind: 'return' });
    expect(told()).toEqual([['return', 0]]);
  });

  it.each([{}, undefined])('only what they want to know: %j', async (observer) => {
    pipeline = pipelineOn({ store, clock, instance: 'chancery-1', observer });
    for (const sequence of ['1', '5', '6']) {
      expect(await deliver(Rang, { sequence, producerinstance: 'chancery-9' })).toEqual({
        kind: 'done',
        settled: false,
      });
      await clock.advance(LATE_AT_MOST_MS);
    }
  });

  it('of the broadcasts that never came before it, and of no events', async () => {
    for (const contract of [Rang, Sealed])
      for (const sequence of ['1', '2', '5'])
        await deliver(contract, { sequence, producerinstance: 'chancery-9' });
    expect(missed).toEqual([]);
    await clock.advance(LATE_AT_MOST_MS);
    await deliver(Rang, { sequence: '6', producerinstance: 'chancery-9' });
    expect(missed).toEqual([['scribe.bell-rang', 2]]);
  });
});

it('a handler works in the conversation of its message', async () => {
  const id = randomUUID();
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  await deliver(Sealed, {
    id,
    correlationid: 'c-1',
    priority: 'batch',
    traceparent: `00-${trace}-00f067aa0ba902b7-01`,
  });
  expect(conversation).toEqual({
    correlationId: 'c-1',
    traceparent: expect.stringContaining(trace),
    messageId: id,
    contract: 'scribe.letter-sealed',
    priority: 'batch',
  });
});

it('the failure of a broadcast, which nobody delivers again, is an error in the log', async () => {
  const lines: unknown[] = [];
  const log = (level: string, _: string, details: unknown) => void lines.push([level, details]);
  pipeline = pipelineOn({ store, clock, instance: 'chancery-1', log });
  const error = new Error('deaf');
  run = () => Promise.reject(error);
  await deliver(Rang);
  expect(lines).toEqual([['error', { error }]]);
});
