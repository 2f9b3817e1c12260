import { Controller } from '@nestjs/common';
import { call } from '@parley/contract';
import { Harness, VirtualClock } from '@parley/testing';
import { z } from 'zod';
import { Handles } from '../../handlers/handles';
import type { CallContext } from '../../message/handler-context';
import { OwnerUnavailableError } from '../../ports/call-transport';
import { Messenger } from '../../sending/messenger';
import { CallAdmission } from './call-admission';

const definition = { request: z.object({}), reply: z.object({}) };
const Weigh = call('crane.weigh-load', { ...definition, deadline: '1s' });
const Unlimited = call('crane.hold-load', { ...definition, resilience: { limit: false } });
const Pass = call('dock.pass-load', definition);

const admissionOf = (clock: { elapsed(): number }) =>
  new CallAdmission(
    {
      handlerOfCall: (name: string) =>
        [Weigh, Unlimited].some((contract) => contract.name === name)
          ? ({ contract: name === Weigh.name ? Weigh : Unlimited } as never)
          : undefined,
    },
    clock,
  );

/** Calls that are all answered after so many milliseconds; the number of the admitted ones. */
async function round(
  admission: CallAdmission,
  clock: VirtualClock,
  {
    calls,
    milliseconds,
    contract = Weigh.name,
  }: Record<'calls' | 'milliseconds', number> & {
    contract?: string;
  },
): Promise<number> {
  const admitted = Array.from({ length: calls }, () => admission.admit(contract, 'interactive'));
  await clock.advance(milliseconds);
  for (const one of admitted) one?.answered();
  await new Promise(setImmediate);
  return admitted.filter(Boolean).length;
}

describe('the limit of calls that are answered', () => {
  it('falls when answers take longer than a quarter of the deadline, for that contract', async () => {
    const clock = new VirtualClock();
    const admission = admissionOf(clock);
    expect(await round(admission, clock, { calls: 600, milliseconds: 240 })).toBe(600);
    for (let turn = 0; turn < 10; turn++)
      await round(admission, clock, { calls: 1_000, milliseconds: 2_000 });
    const load = { calls: 600, milliseconds: 2_000 };
    expect(await round(admission, clock, load)).toBeLessThan(30);
    expect(await round(admission, clock, { ...load, contract: Unlimited.name })).toBe(600);
    expect(await round(admission, clock, { ...load, contract: 'crane.unknown' })).toBe(600);
    expect(admission.states()).toEqual([
      { contract: Weigh.name, limit: expect.any(Number), inFlight: 0 },
    ]);
  });

  it('refuses calls that waited for the event loop', async () => {
    let now = 0;
    const admission = admissionOf({ elapsed: () => now });
    expect(admission.admit(Weigh.name, 'interactive')).toBeDefined();
    now += 251;
    expect(admission.admit(Weigh.name, 'interactive')).toBeUndefined();
    await new Promise(setImmediate);
    expect(admission.admit(Weigh.name, 'interactive')).toBeDefined();
  });
});

describe('a service with too much to do', () => {
  let harness: Harness;
  const contexts: CallContext[] = [];
  let hold: Promise<void> | undefined;

  @Controller()
  class Crane {
    @Handles(Weigh)
    async weigh(_: object, context: CallContext) {
      contexts.push(context);
      await hold;
      return {};
    }
  }

  @Controller()
  class Dock {
    constructor(private readonly messenger: Messenger) {}

    @Handles(Pass)
    pass() {
      return this.messenger.call(Weigh, {});
    }
  }

  beforeEach(() => {
    contexts.length = 0;
    hold = undefined;
    harness = new Harness();
  });
  afterEach(() => harness.close());

  it('refuses a call that is not handled then; the caller learns why', async () => {
    await harness.start('crane', { controllers: [Crane] });
    const dock = (await harness.start('dock', {})).get(Messenger);
    const admit = jest.spyOn(CallAdmission.prototype, 'admit').mockReturnValue(undefined);
    const failure: unknown = await dock.call(Weigh, {}, { deadline: 30 }).catch((error) => error);
    admit.mockRestore();
    expect(failure).toBeInstanceOf(OwnerUnavailableError);
    expect(failure).toMatchObject({ reason: 'overloaded', effect: 'none' });
    expect(contexts).toEqual([]);
  });

  it('knows the priority of a call, also of one that follows from another', async () => {
    await harness.start('crane', { controllers: [Crane] });
    const dock = (await harness.start('dock', { controllers: [Dock] })).get(Messenger);
    const admit = jest.spyOn(CallAdmission.prototype, 'admit');
    await dock.call(Pass, {}, { priority: 'batch' });
    await dock.call(Pass, {});
    const priorities = admit.mock.calls;
    admit.mockRestore();
    expect(priorities).toEqual([
      [Pass.name, 'batch'],
      [Weigh.name, 'batch'],
      [Pass.name, 'interactive'],
      [Weigh.name, 'interactive'],
    ]);
    expect(contexts.map(({ envelope }) => envelope.priority)).toEqual(['batch', undefined]);
  });

  it('ends the calls of a handler whose caller is gone', async () => {
    await harness.start('crane', { controllers: [Crane] });
    const dock = (await harness.start('dock', { controllers: [Dock] })).get(Messenger);
    let release = () => undefined as void;
    hold = new Promise((resolve) => (release = resolve));
    const leaving = new AbortController();
    const calling = dock.call(Pass, {}, { signal: leaving.signal });
    while (contexts.length === 0) await new Promise(setImmediate);
    const [{ signal }] = contexts as [CallContext];
    const told = new Promise((resolve) => signal.addEventListener('abort', resolve));
    leaving.abort(new Error('left'));
    await expect(calling).rejects.toThrow('left');
    await told;
    release();
  });
});
