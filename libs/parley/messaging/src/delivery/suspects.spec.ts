import { randomUUID } from 'node:crypto';
import { command } from '@parley/contract';
import { MemoryStore } from '@parley/memory';
import { VirtualClock } from '@parley/testing';
import { z } from 'zod';
import type { Failure } from '../message/failure';
import type { Envelope } from '../message/message';
import type { Handler, HandlerOptions, RegisteredSubscription } from '../ports/subscription';
import { InFlight } from '../in-flight';
import { CircuitBreakers } from './circuit-breakers';
import { Solitude, SuspectHandling, UNFINISHED_AT_MOST } from './suspects';
import type { Delivery, Outcome } from '../ports/delivery';
import { pipelineOn } from './pipeline.fixture';

let onRead = () => {};
const Seal = command(
  'chancery.seal',
  z.object({ letter: z.string().refine(() => (onRead(), true)) }),
  { key: 'letter' },
);

const settled = () => new Promise((resolve) => setImmediate(resolve));
const never = () => new Promise<undefined>(() => undefined);

let clock: VirtualClock;
let store: MemoryStore;

beforeEach(() => {
  clock = new VirtualClock();
  store = new MemoryStore(clock);
});

/**
 * A process that ends while it handles a message: in memory, an open transaction would keep
 * everybody waiting.
 */
const ending = (instance: string, id: string) =>
  void processOf(instance, { transaction: 'own' }).deliver(never, { id, suspect: true });

/** One process of a service: `deliver` gives it a message that `run` handles. */
function processOf(
  instance: string,
  options: HandlerOptions = {},
  circuitBreakers?: CircuitBreakers,
) {
  const inFlight = new InFlight();
  const pipeline = pipelineOn({ store, clock, instance, inFlight, circuitBreakers });
  const deliver = (
    run: () => Promise<unknown>,
    delivery: Partial<Delivery> & { readonly id?: string } = {},
  ): Promise<Outcome> => {
    const handler: Handler = { contract: Seal, options, name: 'Clerk.seal', run: run as never };
    const subscription: RegisteredSubscription = {
      kind: 'command',
      name: 'chancery',
      from: 'beginning',
      live: false,
      concurrency: 9,
      handlers: new Map([[Seal.name, handler]]),
    };
    const { id = randomUUID(), ...rest } = delivery;
    const headers = { id, type: Seal.name, partitionkey: 'l-1' };
    return pipeline.deliver({
      subscription,
      headers,
      body: Buffer.from('{"letter":"l-1"}'),
      attempt: 1,
      signal: new AbortController().signal,
      supports: { retry: false, dead: false },
      ...rest,
    });
  };
  return { deliver, inFlight };
}

const letters = () => store.lanes.deadLetters.list();

describe('a suspect', () => {
  it('is handled alone: what runs ends first, and what comes meanwhile waits', async () => {
    const { deliver } = processOf('chancery-1');
    const steps: string[] = [];
    let finish = () => {};
    const slow = deliver(() =>
      new Promise<void>((resolve) => (finish = resolve)).then(() => void steps.push('slow')),
    );
    await settled();
    const suspect = deliver(
      async () => (steps.push('suspect begins'), await settled(), void steps.push('suspect ends')),
      { suspect: true },
    );
    await settled();
    const later = deliver(async () => void steps.push('later'));
    await settled();
    expect(steps).toEqual([]);
    finish();
    await Promise.all([slow, suspect, later]);
    expect(steps).toEqual(['slow', 'suspect begins', 'suspect ends', 'later']);
  });

  it('stays alone until its outcome is stored: the next one, which ends the process, is not counted against it', async () => {
    const [failing, poison] = [randomUUID(), randomUUID()];
    const { deliver } = processOf('chancery-1', { transaction: 'own', retry: { immediate: 0 } });
    const end = store.suspects.end.bind(store.suspects);
    const steps: string[] = [];
    store.suspects.end = async (...args) => {
      await settled();
      await end(...args);
      steps.push('outcome stored');
    };
    const failed = deliver(() => Promise.reject(new Error('not yet')), {
      id: failing,
      suspect: true,
    });
    void deliver(async () => (steps.push('poison begins'), never()), {
      id: poison,
      suspect: true,
      headers: { id: poison, type: Seal.name, partitionkey: 'l-2' },
    });
    await failed;
    await settled();
    expect(steps).toEqual(['outcome stored', 'poison begins']);
    expect(await store.suspects.unfinished('chancery', failing)).toEqual([]);
    expect(await store.suspects.unfinished('chancery', poison)).toHaveLength(1);
  });

  it('is dead after so many handlings without an outcome, with the evidence, and holds its lane', async () => {
    const id = randomUUID();
    for (let n = 1; n <= UNFINISHED_AT_MOST; n++) {
      ending(`chancery-${n}`, id);
      await settled();
      await clock.advance(1_000);
    }
    const handled: string[] = [];
    expect(
      await processOf('chancery-9').deliver(async () => void handled.push(id), {
        id,
        suspect: true,
      }),
    ).toEqual({ kind: 'done', settled: false });
    expect(handled).toEqual([]);
    const [letter] = await letters();
    expect(letter).toMatchObject({
      holds: true,
      failure: {
        error: 'ProcessEndedError',
        stack: '',
        tries: UNFINISHED_AT_MOST,
        instance: `chancery-${UNFINISHED_AT_MOST}`,
      },
    });
    const { firstFailedAt, lastFailedAt, message } = letter!.failure as Failure;
    expect(Date.parse(lastFailedAt) - Date.parse(firstFailedAt)).toBe(
      1_000 * (UNFINISHED_AT_MOST - 1) + 500,
    ); // after the first, others are left half a second
    expect(message.split('\n').slice(1)).toEqual(
      Array.from({ length: UNFINISHED_AT_MOST }, (_, n) =>
        expect.stringMatching(new RegExp(`^\\S+Z chancery-${n + 1}$`)),
      ),
    );
    await store.lanes.deadLetters.replay(letter!.id);
    expect(await store.suspects.unfinished('chancery', id)).toEqual([]); // fresh again
  });

  it('that ended a process before lets those that come meanwhile be handled first', async () => {
    const id = randomUUID();
    ending('chancery-1', id);
    await settled();
    const { deliver } = processOf('chancery-2', { transaction: 'own' });
    const steps: string[] = [];
    let finish = () => {};
    const slow = deliver(() => new Promise<void>((resolve) => (finish = resolve)));
    await settled();
    const suspect = deliver(async () => void steps.push('poison'), { id, suspect: true });
    await settled();
    await deliver(async () => void steps.push('one'));
    await clock.advance(500);
    await deliver(async () => void steps.push('another'));
    expect(steps).toEqual(['one', 'another']);
    finish();
    await Promise.all([slow, suspect]);
    expect(steps.at(-1)).toBe('poison');
  });

  it('is not even read before its handling is recorded: what reads it may end the process', async () => {
    const steps: string[] = [];
    const begin = store.suspects.begin.bind(store.suspects);
    store.suspects.begin = (...args) => (steps.push('recorded'), begin(...args));
    onRead = () => void steps.push('read');
    await processOf('chancery-1').deliver(async () => void steps.push('handled'), {
      suspect: true,
    });
    onRead = () => {};
    expect(steps).toEqual(['recorded', 'read', 'handled']);
  });

  it('that cannot be read is dead for that reason', async () => {
    await processOf('chancery-1').deliver(async () => undefined, {
      suspect: true,
      body: Buffer.from('{'),
    });
    expect(await letters()).toMatchObject([
      { holds: false, failure: { error: 'InvalidMessageError', tries: 0 } },
    ]);
  });

  it('may have another bound', async () => {
    const id = randomUUID();
    ending('chancery-1', id);
    await settled();
    await processOf('chancery-2', { retry: { unfinished: 1 } }).deliver(never, {
      id,
      suspect: true,
    });
    expect(await letters()).toHaveLength(1);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['that is handled', async () => undefined],
    ['that fails', () => Promise.reject(new Error('no'))],
  ])('%s is not counted', async (_, run) => {
    const id = randomUUID();
    await processOf('chancery-1', { retry: { immediate: 0 } }).deliver(run, { id, suspect: true });
    expect(await store.suspects.unfinished('chancery', id)).toEqual([]);
  });

  it('that is given back by a stopping service is not counted; one whose lease is lost is', async () => {
    for (const [isStopping, counted] of [
      [true, 0],
      [false, 1],
    ] as const) {
      const [id, lease] = [randomUUID(), new AbortController()];
      const { deliver, inFlight } = processOf('chancery-1');
      let fail = (_: Error) => {};
      const outcome = deliver(() => new Promise((_, reject) => (fail = reject)), {
        id,
        suspect: true,
        signal: lease.signal,
      });
      await settled();
      if (isStopping) await inFlight.drained(1);
      else lease.abort(new Error('lost'));
      fail(new Error('gave up'));
      expect(await outcome).toEqual({ kind: 'return' });
      expect(await store.suspects.unfinished('chancery', id)).toHaveLength(counted);
    }
  });

  it('whose lease is lost holds nobody up any longer', async () => {
    const lease = new AbortController();
    const { deliver } = processOf('chancery-1');
    const fail = () => (lease.abort(new Error('lost')), Promise.reject(new Error('gave up')));
    await deliver(fail, { suspect: true, signal: lease.signal });
    expect(await deliver(async () => undefined)).toEqual({ kind: 'done', settled: false });
  });

  it('that meets a store that fails is not counted: its process lives', async () => {
    const id = randomUUID();
    const { transaction } = store;
    store.transaction = () => Promise.reject(new Error('disk full'));
    const outcome = processOf('chancery-1').deliver(async () => undefined, { id, suspect: true });
    await clock.advance('1s');
    expect(await outcome).toEqual({ kind: 'return' });
    store.transaction = transaction;
    expect(await store.suspects.unfinished('chancery', id)).toEqual([]);
  });

  it('lets others be handled while its subscription is paused', async () => {
    const breakers = new CircuitBreakers({ minimumThroughput: 1 }, clock, () => undefined);
    const { deliver } = processOf('chancery-1', { retry: { immediate: 0 } }, breakers);
    const id = randomUUID();
    let tries = 0;
    const poorly = async () => {
      if (++tries === 1) throw new Error('the wax is away');
    };
    const suspect = deliver(poorly, { id, suspect: true });
    await settled();
    await deliver(async () => undefined); // of another subscription, which is not paused
    expect([tries, await store.suspects.unfinished('chancery', id)]).toEqual([1, []]);
    await clock.advance('1s');
    expect(await suspect).toEqual({ kind: 'done', settled: false });
    expect(tries).toBe(2);
  });

  it('is handled alone, too, by a service that does not count', async () => {
    Object.assign(store, { suspects: undefined });
    const { deliver } = processOf('chancery-1', { retry: { immediate: 0 } });
    const steps: string[] = [];
    const suspect = deliver(
      async () => (steps.push('begins'), await settled(), void steps.push('ends')),
      { suspect: true },
    );
    await Promise.all([suspect, deliver(async () => void steps.push('other'))]);
    expect(steps).toEqual(['begins', 'ends', 'other']);
    store.transaction = () => Promise.reject(new Error('disk full'));
    const failed = deliver(async () => undefined, { suspect: true });
    await clock.advance('1s');
    expect(await failed).toEqual({ kind: 'return' });
  });

  it('was handled before: that counts, and not how its processes ended', async () => {
    const id = randomUUID();
    const { deliver } = processOf('chancery-1', { retry: { unfinished: 1 } });
    await deliver(async () => undefined, { id });
    await store.suspects.begin('chancery', id, 'chancery-1');
    expect(await deliver(async () => undefined, { id, suspect: true })).toEqual({
      kind: 'done',
      settled: false,
    });
    expect(await letters()).toEqual([]);
  });

  it('whose outcome cannot be recorded is forgotten as soon as it can', async () => {
    const id = randomUUID();
    const end = store.suspects.end.bind(store.suspects);
    store.suspects.end = () => Promise.reject(new Error('the store is away'));
    await processOf('chancery-1').deliver(async () => undefined, { id, suspect: true });
    store.suspects.end = end;
    await clock.advance(1_000);
    expect(await store.suspects.unfinished('chancery', id)).toEqual([]);
  });
});

describe('the handling of a suspect', () => {
  const id = randomUUID();
  let reports: unknown[][];
  beforeEach(() => (reports = []));
  const log = (...report: unknown[]) => void reports.push(report);
  const newHandling = (instance: string) =>
    new SuspectHandling(
      { suspects: store.suspects, instance, clock, log },
      { subscription: { name: 'chancery' } as RegisteredSubscription },
      { id, type: Seal.name } as Envelope,
      UNFINISHED_AT_MOST,
    );
  const unfinished = () => store.suspects.unfinished('chancery', id);

  it('counts once, and stays alone, however often it tries', async () => {
    const { deliver } = processOf('chancery-1', { transaction: 'own', retry: { immediate: 1 } });
    const steps: string[] = [];
    const suspect = async () => {
      steps.push('try');
      if (steps.length > 1) return never();
      void deliver(async () => void steps.push('later'));
      throw new Error('not yet');
    };
    void deliver(suspect, { id, suspect: true });
    await settled();
    await settled();
    expect(steps).toEqual(['try', 'try']);
    expect(await unfinished()).toHaveLength(1);
  });

  it('that ends before it began leaves the former ones counted', async () => {
    await store.suspects.begin('chancery', id, 'chancery-1');
    await newHandling('chancery-2').end();
    expect(await unfinished()).toMatchObject([{ instance: 'chancery-1' }]);
  });

  it('that was ended for a pause lets others run, and counts again when it goes on', async () => {
    const solitude = new Solitude(clock);
    const handling = newHandling('chancery-1');
    await expect(handling.run(solitude, () => Promise.reject(new Error('no')))).rejects.toThrow();
    await handling.end();
    expect(await unfinished()).toEqual([]);
    expect(await solitude.beside(async () => 'ran')).toBe('ran');
    void handling.run(solitude, never);
    await settled();
    expect(await unfinished()).toHaveLength(1);
  });

  it('is a warning only when one of a process that ended was alone', async () => {
    void newHandling('chancery-1').run(new Solitude(clock), never);
    await settled();
    expect(reports.splice(0)).toEqual([['info', expect.anything(), { messageId: id }]]);
    void newHandling('chancery-2').run(new Solitude(clock), never);
    await settled();
    expect(reports.splice(0)).toEqual([['warn', expect.anything(), { messageId: id }]]);
  });
});

describe('solitude', () => {
  it('does not wait for ever for what does not end', async () => {
    const solitude = new Solitude(clock);
    const steps: string[] = [];
    void solitude.beside(never);
    const alone = solitude.alone(async () => void steps.push('alone'));
    await clock.advance(9_999);
    expect(steps).toEqual([]);
    await clock.advance(1);
    await alone;
    await solitude.beside(async () => void steps.push('beside'));
    expect(steps).toEqual(['alone', 'beside']);
  });

  it('lasts although something ends meanwhile for which it did not wait', async () => {
    const solitude = new Solitude(clock);
    const steps: string[] = [];
    let finish = () => {};
    const slow = solitude.beside(() => new Promise<void>((resolve) => (finish = resolve)));
    void solitude.alone(async () => (steps.push('alone'), never()));
    await clock.advance(10_000);
    finish();
    await slow;
    void solitude.beside(async () => void steps.push('beside'));
    await settled();
    expect(steps).toEqual(['alone']);
  });

  it('is for one at a time also beside something that does not end', async () => {
    const solitude = new Solitude(clock);
    const steps: string[] = [];
    let finish = () => {};
    void solitude.beside(never);
    void solitude.alone(
      () => new Promise<void>((resolve) => (steps.push('one'), (finish = resolve))),
    );
    void solitude.alone(async () => void steps.push('another'));
    await clock.advance(15_000);
    expect(steps).toEqual(['one']);
    finish();
    await clock.advance(5_000);
    expect(steps).toEqual(['one', 'another']);
  });

  it('is preceded by what runs, but not for longer than it may take', async () => {
    const solitude = new Solitude(clock);
    const steps: string[] = [];
    let finish = () => {};
    void solitude.beside(() => new Promise<void>((resolve) => (finish = resolve)));
    const other = solitude.beside(settled);
    void solitude.idle(2_000).then(() => steps.push('idle'));
    await other;
    await clock.advance(1_999);
    expect(steps).toEqual([]);
    await clock.advance(1);
    expect(steps).toEqual(['idle']);
    void solitude.idle(2_000).then(() => steps.push('idle again'));
    finish();
    await settled();
    expect(steps).toEqual(['idle', 'idle again']);
  });

  it('lets suspects and others take turns in the order in which they came', async () => {
    const solitude = new Solitude(clock);
    const steps: string[] = [];
    const step = (name: string) => async () => (
      steps.push(name),
      await settled(),
      void steps.push(`${name}.`)
    );
    await Promise.all([
      solitude.alone(step('1')),
      solitude.alone(step('2')),
      solitude.beside(step('3')),
      solitude.beside(step('4')),
      solitude.alone(step('5')),
    ]);
    expect(steps).toEqual(['1', '1.', '2', '2.', '3', '4', '3.', '4.', '5', '5.']);
  });

  it('goes on after what failed', async () => {
    const solitude = new Solitude(clock);
    await expect(solitude.alone(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(solitude.beside(async () => 7)).resolves.toBe(7);
  });
});
