import { call } from '@parley/contract';
import { DeadlineExceededError, sleep } from '@parley/resilience';
import { z } from 'zod';
import { systemClock } from '../../clock';
import { Envelopes } from '../../message/envelope';
import {
  OwnerUnavailableError,
  type CallResult,
  type OutgoingCall,
} from '../../ports/call-transport';
import { CallClient } from '../call-client';
import { CallTargets } from './call-targets';

const WORK_MS = 20;
const shape = {
  request: z.object({ n: z.int() }),
  reply: z.object({ n: z.int() }),
  deadline: 1_000,
};
const Read = call('mill.read-flour', { ...shape, idempotent: true });
const Grind = call('mill.grind-flour', shape);

type Answer = (request: OutgoingCall) => Promise<CallResult>;
const replied: Answer = ({ body }) => sleep(WORK_MS).then(() => ({ ok: true, body }));
const lacking: Answer = async () => ({
  ok: false,
  fault: { code: 'unavailable', message: 'away' },
});
const away: Answer = async ({ contract }) => {
  throw new OwnerUnavailableError(contract, 'refused');
};
const hung: Answer = async ({ contract, deadline }) => {
  const budget = deadline.budget();
  await sleep(budget);
  throw new DeadlineExceededError(contract.name, budget);
};

const numberOf = ({ body }: OutgoingCall): number => Number(/\d+/.exec(body.toString()));

/** The same numbers from 0 to 1 in each run (mulberry32). */
function seeded(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Which requests fail; those of a call may do so however often they are made. */
const HALVES = {
  'each second call': () => (request: OutgoingCall) => numberOf(request) % 2 === 0,
  'half of the calls': () => (request: OutgoingCall) => seeded(numberOf(request))() < 0.5,
  'half of the requests': () => {
    const random = seeded(7);
    return () => random() < 0.5;
  },
};

let answer: Answer;
let asked: number;
let client: CallClient;
let ends: string[];
let sent: number;

beforeEach(() => {
  jest.useFakeTimers();
  asked = sent = 0;
  ends = [];
  const transport = {
    call: (request: OutgoingCall) => {
      asked += 1;
      return answer(request);
    },
  };
  client = new CallClient(
    transport as never,
    new Envelopes({ service: 'baker', instance: 'baker-1', build: 'test' }, systemClock),
    undefined,
    new CallTargets({ ...systemClock, elapsed: () => performance.now() }),
  );
});
afterEach(() => jest.useRealTimers());

/** Makes calls, some at the same time, and waits until the next ones are due. */
async function calls(contract: typeof Read | typeof Grind, together: number, everyMs: number) {
  for (let n = 0; n < together; n++)
    void client.call(contract as typeof Read, { n: sent++ }).then(
      () => ends.push('replied'),
      (error: { reason?: string; name: string }) => ends.push(error.reason ?? error.name),
    );
  await jest.advanceTimersByTimeAsync(everyMs);
}
const count = (end: string): number => ends.filter((one) => one === end).length;

const ONE = { together: 1, everyMs: 20, times: 500 };
const HUNDRED = { together: 100, everyMs: 2_000, times: 3 };

describe('an owner that fails half of the time', () => {
  it.each([
    ['lacks something for', 'each second call', Read, lacking, HUNDRED],
    ['lacks something for', 'each second call', Grind, lacking, HUNDRED],
    ['lacks something for', 'half of the requests', Read, lacking, HUNDRED],
    ['is not reached by', 'half of the requests', Grind, away, HUNDRED],
    ['is not reached by', 'half of the calls', Grind, away, ONE],
    ['does not reply to', 'each second call', Read, hung, HUNDRED],
  ] as const)('is asked all the same when it %s %s', async (_, half, contract, failed, load) => {
    const fails = HALVES[half]();
    answer = (request) => (fails(request) ? failed(request) : replied(request));
    for (let time = 0; time < load.times; time++)
      await calls(contract, load.together, load.everyMs);
    await jest.advanceTimersByTimeAsync(2_000);
    const all = load.times * load.together;
    expect(ends).toHaveLength(all);
    const seen = { asked, refused: count('circuit-open'), replied: count('replied') };
    expect({ all, ...seen }).toMatchObject({ refused: 0 });
    expect(seen.replied).toBeGreaterThanOrEqual(0.9 * (all / 2));
    // The retry budget: a fifth, 10 for a new owner, and one for a call after a pause.
    if (failed === lacking) expect(asked).toBeLessThanOrEqual(1.2 * all + 10 + load.times);
  });
});

describe('an owner that stops answering', () => {
  it.each([
    ['hangs', hung],
    ['is away', away],
  ])('is no longer asked after 2 s when it %s', async (_, failed) => {
    answer = replied;
    for (let n = 0; n < 500; n++) await calls(Read, 1, 20);
    answer = failed;
    for (let n = 0; n < 100; n++) await calls(Read, 1, 20);
    expect(ends.slice(-2)).toContain('circuit-open');
  });
});
