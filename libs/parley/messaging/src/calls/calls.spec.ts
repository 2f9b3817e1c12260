import { randomUUID } from 'node:crypto';
import { Controller } from '@nestjs/common';
import { call } from '@parley/contract';
import { DeadlineExceededError } from '@parley/resilience';
import { Harness, type TestService } from '@parley/testing';
import { of } from 'rxjs';
import { z } from 'zod';
import { CallHandler } from './call-handler';
import { CallError } from './call-error';
import { ReplyLostError, OwnerUnavailableError, type CallResult } from '../ports/call-transport';
import { InvalidMessageError, MAX_ISSUES } from '../message/codec';
import { systemClock } from '../clock';
import { noteEffect, OutageError } from '../ports/outage';
import type { CallContext } from '../message/handler-context';
import { HandlerRuns } from '../delivery/handler-runs';
import { Handles } from '../handlers/handles';
import { HandlerRegistry } from '../handlers/handler-registry';
import { InFlight } from '../in-flight';
import { Messenger } from '../sending/messenger';

const Question = z.object({ sku: z.string() });
const Weight = z.object({ grams: z.int() });
const GetWeight = call('scales.get-weight', {
  request: Question,
  reply: Weight,
  errors: {
    'unknown-sku': z.object({ sku: z.string() }),
    'too-heavy': z.object({ grams: z.int() }),
  },
  deadline: '2s',
});
const GetPostage = call('stamps.get-postage', {
  request: Question,
  reply: z.object({ cents: z.int() }),
  deadline: '10s',
});

class CupboardAway extends OutageError {
  override readonly effect = 'none';
}

class Scales {
  answer: (sku: string, context: CallContext) => unknown = () => ({ grams: 5 });
  readonly asked: CallContext[] = [];
}

@Controller()
class ScalesController {
  constructor(private readonly scales: Scales) {}

  @Handles(GetWeight)
  weight({ sku }: { sku: string }, context: CallContext): Promise<{ grams: number }> {
    this.scales.asked.push(context);
    return this.scales.answer(sku, context) as Promise<{ grams: number }>;
  }
}

@Controller()
class StampsController {
  constructor(private readonly messenger: Messenger) {}

  @Handles(GetPostage)
  async postage({ sku }: { sku: string }): Promise<{ cents: number }> {
    const { grams } = await this.messenger.call(GetWeight, { sku });
    return { cents: grams * 10 };
  }
}

let harness: Harness;
let scales: Scales;
let stamps: Messenger;
let complaints: string[];
let warnings: string[];

beforeEach(async () => {
  complaints = [];
  warnings = [];
  harness = new Harness({
    log: (level, message) =>
      level === 'error' ? complaints.push(message) : level === 'warn' && warnings.push(message),
  });
  scales = new Scales();
  await harness.start('scales', {
    controllers: [ScalesController],
    providers: [{ provide: Scales, useValue: scales }],
  });
  const service: TestService = await harness.start('stamps', {
    controllers: [StampsController],
  });
  stamps = service.get(Messenger);
});
afterEach(() => harness.close());

const failure = async (asking: Promise<unknown>): Promise<CallError> =>
  asking.then(
    () => Promise.reject(new Error('was answered')),
    (error: CallError) => error,
  );

describe('a call', () => {
  it('is answered', async () => {
    expect(await stamps.call(GetWeight, { sku: 'a' })).toEqual({ grams: 5 });
  });

  it('may be answered by a stream, whose last value counts', async () => {
    scales.answer = () => of({ grams: 1 }, { grams: 2 });
    expect(await stamps.call(GetWeight, { sku: 'a' })).toEqual({ grams: 2 });
  });

  it('gets nothing that its contract does not promise', async () => {
    scales.answer = () => ({ grams: 5, secret: true });
    expect(await stamps.call(GetWeight, { sku: 'a' })).toEqual({ grams: 5 });
  });

  it('is answered with an error of its contract, told apart by code, with its details', async () => {
    scales.answer = (sku) => Promise.reject(new CallError(GetWeight, 'unknown-sku', { sku }));
    const error = await failure(stamps.call(GetWeight, { sku: 'a' }));
    expect([
      CallError.is(error, GetWeight, 'unknown-sku'),
      CallError.is(error, GetWeight, 'too-heavy'),
      CallError.is(error, GetPostage, 'unknown-sku' as never),
    ]).toEqual([true, false, false]);
    expect(error).toMatchObject({
      code: 'unknown-sku',
      details: { sku: 'a' },
      message: expect.stringContaining('scales.get-weight'),
    });
    expect(complaints).toEqual([]);
  });

  it('with a wrong request is refused before it leaves', async () => {
    await expect(stamps.call(GetWeight, { sku: 5 } as never)).rejects.toThrow(InvalidMessageError);
    expect(scales.asked).toEqual([]);
  });

  it('whose reply breaks the contract is an error, and the owner hears why', async () => {
    scales.answer = () => ({ grams: 'many' });
    expect(await failure(stamps.call(GetWeight, { sku: 'a' }))).toMatchObject({
      code: 'invalid-reply',
    });
    expect(complaints).toEqual([
      expect.stringContaining('the reply to scales.get-weight breaks its contract: grams'),
    ]);
  });

  it.each<[string, unknown]>([
    ['an error', new Error('password=hunter2 in /srv/scales/src')],
    [
      'an error of another call',
      new CallError(GetPostage, 'password=hunter2' as never, {} as never, 'password=hunter2'),
    ],
    [
      'an error of its own with a code it does not have',
      new CallError(GetWeight, 'hunter2' as never, {} as never, 'hunter2'),
    ],
    [
      'an error of its own with a code that every object has',
      new CallError(GetWeight, 'toString' as never, {} as never, 'hunter2'),
    ],
    ['a text', 'hunter2'],
    ['nothing', undefined],
  ])('whose handler throws %s learns nothing of it', async (_, thrown) => {
    scales.answer = () => Promise.reject(thrown);
    const error = await failure(stamps.call(GetWeight, { sku: 'a' }));
    expect(error).toMatchObject({
      code: 'unhandled',
      details: undefined,
      message: 'scales.get-weight: the owner failed to answer (unhandled)',
    });
    expect(JSON.stringify([error, error.message])).not.toContain('hunter2');
    expect(complaints).toHaveLength(1);
  });

  it('whose handler could not reach another owner is told so, for trying again may help', async () => {
    scales.answer = () =>
      Promise.reject(new OwnerUnavailableError(GetPostage, 'connection refused at 10.0.0.7'));
    const error = await failure(stamps.call(GetWeight, { sku: 'a' }));
    expect(error).toBeInstanceOf(OwnerUnavailableError);
    expect(error.message).not.toContain('10.0.0.7');
  });

  it('whose own error comes with details that break its contract is unhandled', async () => {
    scales.answer = () =>
      Promise.reject(
        new CallError(GetWeight, 'too-heavy', { grams: 'many', secret: 'hunter2' } as never),
      );
    expect(await failure(stamps.call(GetWeight, { sku: 'a' }))).toMatchObject({
      code: 'unhandled',
      details: undefined,
    });
    expect(complaints).toHaveLength(1);
  });

  it('gets no more of an error than its contract promises', async () => {
    scales.answer = () =>
      Promise.reject(
        new CallError(GetWeight, 'too-heavy', { grams: 9, secret: 'hunter2' } as never),
      );
    expect((await failure(stamps.call(GetWeight, { sku: 'a' }))).details).toEqual({ grams: 9 });
  });

  it('whose owner lacks what it needs learns that nothing was done; the log is warned, once for many', async () => {
    scales.answer = () => Promise.reject(new CupboardAway('the cupboard is locked'));
    const errors = await Promise.all(
      ['a', 'b', 'c'].map((sku) => failure(stamps.call(GetWeight, { sku }))),
    );
    for (const error of errors)
      expect(error).toMatchObject({
        name: 'OwnerUnavailableError',
        message: expect.stringContaining('nothing was done'),
      });
    expect(warnings).toEqual(['scales.get-weight could not be answered: the cupboard is locked']);
    expect(complaints).toEqual([]);
  });

  it('whose owner lost what it needs after something took effect is an answer that was lost', async () => {
    scales.answer = async () => {
      noteEffect();
      throw new CupboardAway('the cupboard is locked');
    };
    await expect(stamps.call(GetWeight, { sku: 'a' })).rejects.toBeInstanceOf(ReplyLostError);
    scales.answer = () => Promise.reject(new CupboardAway('the cupboard is locked'));
    expect(await failure(stamps.call(GetPostage, { sku: 'a' }))).toBeInstanceOf(
      OwnerUnavailableError,
    );
  });

  it('that nobody answers says who and why', async () => {
    const Missing = call('nowhere.get-lost', {
      request: Question,
      reply: Weight,
      deadline: '100ms',
    });
    await expect(stamps.call(Missing, { sku: 'a' })).rejects.toThrow(OwnerUnavailableError);
    await expect(stamps.call(Missing, { sku: 'a' })).rejects.toThrow(
      'no instance of nowhere can be reached',
    );
  });
});

describe('a deadline', () => {
  it('ends a call whose handler does not, and tells the handler', async () => {
    let reported: unknown;
    scales.answer = (_, { signal }) =>
      new Promise(() => signal.addEventListener('abort', () => (reported = signal.reason)));
    await expect(stamps.call(GetWeight, { sku: 'a' }, { deadline: '20ms' })).rejects.toThrow(
      DeadlineExceededError,
    );
    expect(reported).toBeInstanceOf(DeadlineExceededError);
  });

  it('is the contract’s, unless the caller has less time', async () => {
    await stamps.call(GetWeight, { sku: 'a' });
    await stamps.call(GetWeight, { sku: 'a' }, { deadline: '1s' });
    const [usual, short] = scales.asked.map(({ deadline }) => deadline.budget());
    expect(usual).toBeGreaterThan(1_000);
    expect(short).toBeLessThanOrEqual(1_000);
  });

  it('of a call that is being answered shortens the calls made for it', async () => {
    await stamps.call(GetPostage, { sku: 'a' }, { deadline: '500ms' });
    expect(scales.asked[0]!.deadline.budget()).toBeLessThanOrEqual(500);
  });

  it('that runs out further down reaches the first caller as that', async () => {
    scales.answer = () => new Promise(() => {});
    await expect(stamps.call(GetPostage, { sku: 'a' }, { deadline: '30ms' })).rejects.toThrow(
      DeadlineExceededError,
    );
  });

  it('comes when the caller goes away, for the handler, too', async () => {
    const leaving = new AbortController();
    const reported = new Promise((resolve) => {
      scales.answer = (_, { signal }) =>
        new Promise(() => {
          signal.addEventListener('abort', () => resolve(signal.aborted));
          leaving.abort(new Error('enough'));
        });
    });
    await expect(stamps.call(GetWeight, { sku: 'a' }, { signal: leaving.signal })).rejects.toThrow(
      'enough',
    );
    expect(await reported).toBe(true);
  });
});

describe('what an owner is asked by a stranger', () => {
  const ask = (
    contract: string,
    body: Buffer,
    headers: Record<string, string> = { id: randomUUID() },
  ): Promise<CallResult> => {
    const registry = new HandlerRegistry('scales');
    const extras = {
      contract: GetWeight,
      options: {},
      handlerClass: ScalesController,
      method: 'weight',
    };
    registry.add((async () => ({ grams: 5 })) as never, extras);
    const answerer = new CallHandler(
      registry,
      new InFlight(),
      new HandlerRuns(systemClock, () => {}),
      { log: () => {} },
    );
    const deadline = { at: Date.now() + 60_000, budget: () => 60_000 } as CallContext['deadline'];
    return answerer.answer({
      contract,
      headers,
      body,
      deadline,
      signal: new AbortController().signal,
    });
  };

  it('in the right way is answered', async () => {
    const answer = await ask('scales.get-weight', Buffer.from('{"sku":"a"}'));
    expect(answer.ok && JSON.parse(answer.body.toString())).toEqual({ grams: 5 });
  });

  it.each<[string, string]>([
    ['not JSON', '{'],
    ['the wrong fields', '{"sku":5}'],
    ['nested too deep', '['.repeat(200_000)],
  ])('but is %s is refused as invalid', async (_, body) => {
    expect(await ask('scales.get-weight', Buffer.from(body))).toMatchObject({
      ok: false,
      fault: { code: 'invalid-request', details: [expect.anything()] },
    });
  });

  it('with a hundred thousand faults is told of the first', async () => {
    const answer = await ask('scales.get-weight', Buffer.from(`[${'{},'.repeat(100_000)}{}]`));
    expect(answer.ok === false && (answer.fault.details as unknown[]).length).toBeLessThanOrEqual(
      MAX_ISSUES,
    );
  });

  it('without an id is refused as invalid', async () => {
    expect(await ask('scales.get-weight', Buffer.from('{"sku":"a"}'), {})).toMatchObject({
      ok: false,
      fault: { code: 'invalid-request' },
    });
  });

  it.each(['scales.get-lost', '__proto__', ''])(
    'but is called %j has no handler here',
    async (contract) => {
      expect(await ask(contract, Buffer.from('{}'))).toEqual({
        ok: false,
        fault: { code: 'no-handler', message: `nothing here answers ${contract}` },
      });
    },
  );
});
