import { call, ContractError } from '@parley/contract';
import { DeadlineExceededError } from '@parley/resilience';
import { VirtualClock } from '@parley/testing';
import { z } from 'zod';
import { CallClient } from '../call-client';
import { Envelopes } from '../../message/envelope';
import {
  OwnerUnavailableError,
  type CallResult,
  type OutgoingCall,
} from '../../ports/call-transport';
import { CallTargets } from './call-targets';

const definition = {
  request: z.object({ n: z.int() }),
  reply: z.object({ n: z.int() }),
  errors: { odd: z.object({}) },
};
const Read = call('mill.read-flour', { ...definition, idempotent: true });
const Grind = call('mill.grind-flour', definition);
const Small = call('mill.small-sack', { ...definition, resilience: { bulkhead: 2 } });
const Hedged = call('mill.hedge-row', {
  ...definition,
  idempotent: true,
  resilience: { hedge: true },
});
const Kept = call('mill.kept-flour', {
  ...definition,
  idempotent: true,
  resilience: { stale: '1m', fallback: ({ n }) => ({ n: -n }) },
});

const ok = (n: number): CallResult => ({ ok: true, body: Buffer.from(`{"n":${n}}`) });
const fault = (code: string): CallResult => ({ ok: false, fault: { code, message: 'so it is' } });

let clock: VirtualClock;
let asked: OutgoingCall[];
let answer: (request: OutgoingCall) => CallResult | Promise<CallResult>;
let outcomes: string[];
let again: string[];
let client: CallClient;

beforeEach(() => {
  asked = [];
  outcomes = [];
  again = [];
  answer = () => ok(1);
  client = clientOf();
});

function clientOf(isOn = true): CallClient {
  clock = new VirtualClock();
  const transport = {
    call: async (request: OutgoingCall) => {
      asked.push(request);
      return answer(request);
    },
  };
  return new CallClient(
    transport as never,
    new Envelopes({ service: 'baker', instance: 'baker-1', build: 'test' }, clock),
    {
      called: ({ outcome }) => outcomes.push(outcome),
      calledAgain: (_, why) => again.push(why),
    },
    new CallTargets(clock, () => undefined, isOn),
  );
}

const reasonOf = (calling: Promise<unknown>): Promise<unknown> =>
  calling.then(
    () => 'replied',
    (error: unknown) =>
      error instanceof OwnerUnavailableError ? error.reason : (error as Error).name,
  );
const reasons = async (contract: typeof Read, count: number): Promise<unknown[]> => {
  const ends: unknown[] = [];
  for (let n = 0; n < count; n++) ends.push(await reasonOf(client.call(contract, { n })));
  return ends;
};

describe('an owner that fails half of the time', () => {
  it('is asked 1.2 times as often, not four times', async () => {
    let turn = 0;
    answer = () => (turn++ % 2 ? ok(1) : fault('unavailable'));
    for (let round = 0; round < 10; round++)
      await Promise.all(Array.from({ length: 100 }, (_, n) => reasonOf(client.call(Read, { n }))));
    expect(asked.length).toBeGreaterThan(1_190);
    expect(asked.length).toBeLessThanOrEqual(1_210);
    expect(again).toHaveLength(asked.length - 1_000);
  });
});

describe('a circuit breaker of a call', () => {
  it('refuses calls after 20 outages, and makes them again after one that succeeds', async () => {
    answer = () => fault('unavailable');
    const ends = await reasons(Grind as never, 22);
    expect([ends.slice(18), asked.length]).toEqual([
      ['lacking', 'lacking', 'circuit-open', 'circuit-open'],
      20,
    ]);
    answer = () => ok(1);
    await clock.advance(500);
    expect(await reasons(Grind as never, 5)).toEqual(Array(5).fill('replied'));
    expect(outcomes.slice(20, 23)).toEqual(['circuit-open', 'circuit-open', 'ok']);
  });

  it('is one of its contract: other calls to the owner are made', async () => {
    answer = ({ contract }) => (contract === Grind ? fault('unavailable') : ok(1));
    await reasons(Grind as never, 21);
    expect(await reasons(Read, 1)).toEqual(['replied']);
  });

  it.each(['odd', 'unhandled', 'invalid-request', 'overloaded'])(
    'stays closed for the fault %s',
    async (code) => {
      answer = () => fault(code);
      await Promise.all(Array.from({ length: 100 }, (_, n) => reasonOf(client.call(Grind, { n }))));
      expect(asked.length).toBeGreaterThanOrEqual(100);
    },
  );

  it('counts a time-out against the owner only if the call had time', async () => {
    answer = ({ contract, deadline }) => {
      throw new DeadlineExceededError(contract.name, deadline.budget());
    };
    for (let n = 0; n < 30; n++) await reasonOf(client.call(Grind, { n }, { deadline: 1_000 }));
    expect(asked).toHaveLength(30);
    expect((await reasons(Grind as never, 30)).slice(20)).toEqual(Array(10).fill('circuit-open'));
  });
});

describe('a bulkhead of a call', () => {
  it('refuses one beyond its bound at once', async () => {
    let release = () => undefined as void;
    const held = new Promise<void>((resolve) => (release = resolve));
    answer = () => held.then(() => ok(1));
    const [one, two] = [client.call(Small, { n: 1 }), client.call(Small, { n: 2 })];
    expect(await reasonOf(client.call(Small, { n: 3 }))).toBe('bulkhead-full');
    release();
    await Promise.all([one, two]);
    expect(await reasonOf(client.call(Small, { n: 4 }))).toBe('replied');
    expect(asked).toHaveLength(3);
  });
});

describe('a call that its owner refuses, because it has too much to do', () => {
  it('is made again, also when it is not idempotent, at another instance', async () => {
    let turn = 0;
    answer = () => (turn++ ? ok(1) : fault('overloaded'));
    expect(await reasonOf(client.call(Grind, { n: 1 }))).toBe('replied');
    expect(asked[1]!.tried).toBe(asked[0]!.tried);
    expect(asked[0]!.tried).toBeInstanceOf(Set);
  });

  it('ends with an error that says so', async () => {
    answer = () => fault('overloaded');
    expect(await reasonOf(client.call(Grind, { n: 1 }, { deadline: 30 }))).toBe('overloaded');
    expect(outcomes).toEqual(['overloaded']);
  });
});

describe('a hedged call', () => {
  it('is made a second time when it is slower than usual; the other one is cancelled', async () => {
    for (let n = 0; n < 32; n++) await client.call(Hedged, { n });
    let cancelled: unknown;
    answer = ({ signal }) =>
      asked.length === 33
        ? new Promise((_, reject) =>
            signal!.addEventListener('abort', () => reject((cancelled = signal!.reason))),
          )
        : ok(2);
    expect(await client.call(Hedged, { n: 1 })).toEqual({ n: 2 });
    expect([asked.length, again]).toEqual([34, ['hedge']]);
    expect(cancelled).toMatchObject({ name: 'AbortError' });
  });
});

describe('a call whose contract has a reply for an outage', () => {
  it('gets the last reply to the same request, and the fallback for another one', async () => {
    answer = () => ok(7);
    await client.call(Kept, { n: 1 });
    answer = () => fault('unavailable');
    expect(await client.call(Kept, { n: 1 }, { deadline: 30 })).toEqual({ n: 7 });
    expect(await client.call(Kept, { n: 2 }, { deadline: 30 })).toEqual({ n: -2 });
    await clock.advance(60_001);
    expect(await client.call(Kept, { n: 1 }, { deadline: 30 })).toEqual({ n: -1 });
    expect(outcomes).toEqual(['ok', 'stale', 'fallback', 'fallback']);
  });

  it('gets the error of an answer', async () => {
    answer = () => fault('odd');
    expect(await reasonOf(client.call(Kept, { n: 1 }))).toBe('CallError');
  });

  it('is for idempotent calls', () => {
    for (const resilience of [
      { hedge: true },
      { stale: '1m' },
      { fallback: () => ({ n: 1 }) },
    ] as const)
      expect(() => call('mill.twice-ground', { ...definition, resilience })).toThrow(ContractError);
    expect(() => call('mill.no-sack', { ...definition, resilience: { bulkhead: 0 } })).toThrow(
      'whole number',
    );
  });
});

describe('calls without policies', () => {
  it('are all made', async () => {
    client = clientOf(false);
    answer = () => fault('unavailable');
    await reasons(Grind as never, 50);
    expect(asked).toHaveLength(50);
  });
});
