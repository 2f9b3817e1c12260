import { Controller } from '@nestjs/common';
import { broadcast, call, command, event } from '@parley/contract';
import type { MemoryTx } from '@parley/memory';
import { Harness, type TestService, VirtualClock } from '@parley/testing';
import { z } from 'zod';
import {
  type BatchContext,
  type CallContext,
  currentConversation,
  type HandlerContext,
  inConversation,
} from '../message/handler-context';
import { HandlerRuns, HandlerTimeoutError, type HandlerRun } from './handler-runs';
import { Handles } from '../handlers/handles';
import { Subscription } from '../handlers/handler-registry';
import { Messaging } from '../messaging';
import { Messenger } from '../sending/messenger';
import { Transactions } from '../sending/transactions';

const Job = z.object({ job: z.string() });
type Job = z.infer<typeof Job>;
const Forge = command('foundry.forge-part', Job, { key: 'job' });
const Paint = command('foundry.paint-part', Job);
const Polish = command('foundry.polish-part', Job);
const Forged = event('foundry.part-forged', Job, { key: 'job' });
const Rang = broadcast('foundry.bell-rang', Job);
const Ask = call('foundry.ask-price', { request: Job, reply: Job, deadline: '2s' });

/** Hangs in the handling of messages of that name, until the test lets it go on. */
class Smithy {
  readonly seen: string[] = [];
  readonly effects: string[] = [];
  readonly late: unknown[] = [];
  readonly signals: AbortSignal[] = [];
  hangs: string[] = [];
  go = () => {};
  private readonly held = new Promise<void>((resolve) => (this.go = resolve));

  async work(where: string, { job }: Job): Promise<void> {
    this.seen.push(`${where} ${job}`);
    if (this.hangs.includes(job)) await this.held;
  }

  effect(tx: MemoryTx, effect: string): void {
    this.effects.push(effect);
    tx.undo(() => this.effects.splice(this.effects.indexOf(effect), 1));
  }

  /** The result of work that a handler does after it was ended. */
  async after(work: () => Promise<unknown>): Promise<void> {
    await work().catch((error: Error) => {
      this.late.push(error.name);
      throw error;
    });
  }
}

const POLICY = { retry: { immediate: 3, delays: ['1s', '2s'] } } as const;

@Controller()
class SmithController {
  constructor(
    private readonly smithy: Smithy,
    private readonly messenger: Messenger,
    private readonly transactions: Transactions,
  ) {}

  @Handles(Forge, POLICY)
  async forge(job: Job, { tx, signal }: HandlerContext<MemoryTx>): Promise<void> {
    this.smithy.signals.push(signal);
    await this.messenger.publish(Forged, job);
    await this.smithy.work('forge', job);
    await this.smithy.after(async () => this.smithy.effect(tx, `forge ${job.job}`));
  }

  @Handles(Paint, { ...POLICY, transaction: 'own', timeout: '10s' })
  async paint(job: Job, { transaction }: HandlerContext<MemoryTx>): Promise<void> {
    await this.smithy.work('paint', job);
    await this.smithy.after(() =>
      transaction(async (tx) => this.smithy.effect(tx, `paint ${job.job}`)),
    );
  }

  @Handles(Polish, { ...POLICY, batch: 10 })
  async polish(jobs: Job[], { tx }: BatchContext<MemoryTx>): Promise<void> {
    await Promise.all(jobs.map((job) => this.smithy.work(`polish ${jobs.length}`, job)));
    for (const { job } of jobs) this.smithy.effect(tx, `polish ${job}`);
  }

  @Handles(Rang)
  async rang(job: Job): Promise<void> {
    await this.smithy.work('rang', job);
    await this.smithy.after(() =>
      this.transactions.run(async (tx) =>
        this.smithy.effect(tx as unknown as MemoryTx, `rang ${job.job}`),
      ),
    );
  }

  @Handles(Ask)
  async ask(job: Job, { transaction }: CallContext): Promise<Job> {
    await transaction(async (tx) => {
      this.smithy.effect(tx as unknown as MemoryTx, `ask ${job.job}`);
      await this.smithy.work('ask', job);
    });
    return job;
  }
}

@Controller()
@Subscription('ledger')
class LedgerController {
  constructor(private readonly smithy: Smithy) {}

  @Handles(Forged, POLICY)
  forged(job: Job): Promise<void> {
    return this.smithy.work('ledger', job);
  }
}

let harness: Harness;
let smithy: Smithy;
let service: TestService;
let warnings: string[];
const part = (job: string) => ({ job });
const letters = async () =>
  (await harness.deadLetters()).map(({ failure: { error, tries } }) => [error, tries]);
const health = () => service.get(Messaging).introspection.health();

beforeEach(async () => {
  warnings = [];
  harness = new Harness({
    log: (level, message) =>
      void (
        level === 'warn' &&
        message.includes('did not end within') &&
        !message.includes('failed in') &&
        warnings.push(message)
      ),
  });
  smithy = new Smithy();
  service = await harness.start('foundry', {
    controllers: [SmithController, LedgerController],
    providers: [{ provide: Smithy, useValue: smithy }],
  });
});

afterEach(async () => {
  smithy.go();
  await harness.close();
});

describe('a handler that never settles', () => {
  it('is ended at its timeout plus the grace, tried again later and dead in the end', async () => {
    smithy.hangs = ['a'];
    await harness.send(Forge, part('a'));
    await harness.advance(34_999);
    expect([smithy.seen, warnings]).toEqual([['forge a'], []]);
    await harness.advance(1);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^foundry\.forge-part [-0-9a-f]{36} in foundry: SmithController\.forge did not end within its timeout of 30000 ms plus 5000 ms; what it still does has no effect$/,
      ),
    ]);
    await harness.advance('3m');
    expect(smithy.seen).toEqual(['forge a', 'forge a', 'forge a']);
    expect(await letters()).toEqual([['HandlerTimeoutError', 3]]);
  });

  it('holds nobody up for longer, and the next of its key waits until it is dead', async () => {
    smithy.hangs = ['a'];
    await harness.send(Forge, part('a'));
    for (const job of ['b', 'c']) await harness.send(Forge, part(job));
    await harness.send(Forge, part('a'));
    await harness.advance('37s');
    expect(smithy.effects.sort()).toEqual(['forge b', 'forge c']);
    expect(harness.sent(Forged)).toHaveLength(2);
    expect(smithy.seen.filter((one) => one.startsWith('forge'))).toEqual([
      'forge a',
      'forge b',
      'forge c',
      'forge a',
    ]); // the first one, again
  });

  it('has no effect when it goes on later', async () => {
    smithy.hangs = ['a', 'b', 'c'];
    await harness.send(Forge, part('a'));
    await harness.advance('36s');
    await harness.send(Paint, part('b'));
    await harness.broadcast(Rang, part('c'));
    await harness.advance('4m');
    smithy.hangs = [];
    smithy.go();
    await harness.settled();
    expect(smithy.effects).toEqual([]);
    expect(harness.sent(Forged)).toEqual([]);
    expect(new Set(smithy.late)).toEqual(new Set(['Error', 'HandlerTimeoutError']));
    expect(smithy.late).toHaveLength(7);
  });

  it('is told at its timeout, before it is ended', async () => {
    smithy.hangs = ['a'];
    await harness.send(Forge, part('a'));
    await harness.advance(29_999);
    expect(smithy.signals[0]!.aborted).toBe(false);
    await harness.advance(1);
    expect(smithy.signals[0]!.reason).toMatchObject({
      name: 'TimeoutError',
      message: 'SmithController.forge is over its timeout of 30000 ms',
    });
    expect(warnings).toEqual([]);
  });

  it('may end within the grace: then it counts', async () => {
    smithy.hangs = ['a'];
    await harness.send(Forge, part('a'));
    await harness.advance('34s');
    smithy.go();
    await harness.settled();
    expect(smithy.effects).toEqual(['forge a']);
  });

  it('in a batch harms only itself', async () => {
    smithy.hangs = ['b'];
    await Promise.all(['a', 'b', 'c'].map((job) => harness.send(Polish, part(job))));
    await harness.advance('36s');
    expect(smithy.seen.slice(0, 3)).toEqual(['polish 3 a', 'polish 3 b', 'polish 3 c']);
    await harness.advance('5m');
    expect(smithy.effects.sort()).toEqual(['polish a', 'polish c']);
    expect(await letters()).toEqual([['HandlerTimeoutError', 3]]);
  });

  it('is seen in the health, with what it handles, until its code is done', async () => {
    smithy.hangs = ['a'];
    await harness.send(Paint, part('a'));
    await harness.advance('9s');
    expect((await health()).overdue).toEqual([]);
    await harness.advance('2s');
    const { overdue, intakes } = await health();
    expect(overdue).toEqual([
      {
        kind: 'command',
        contract: 'foundry.paint-part',
        subscription: 'foundry',
        id: expect.any(String),
        handler: 'SmithController.paint',
        age: 11_000,
        ended: false,
      },
    ]);
    const commands = intakes.find(({ kind }) => kind === 'command')!;
    expect([commands.state, commands.reason]).toEqual([
      'consuming',
      `1 over their timeout and still running, the oldest for 11 s: foundry.paint-part ${overdue![0]!.id}`,
    ]);
    await harness.advance('5s');
    expect((await health()).overdue).toEqual([{ ...overdue![0]!, age: 16_000, ended: true }]);
    smithy.hangs = [];
    smithy.go();
    await harness.settled();
    expect((await health()).overdue).toEqual([]);
  });
});

describe('a call that never settles', () => {
  it('is answered at its deadline, and its transaction is closed when the grace is over', async () => {
    smithy.hangs = ['a'];
    await expect(harness.call(Ask, part('a'))).rejects.toMatchObject({
      name: 'DeadlineExceededError',
    });
    expect(smithy.effects).toEqual(['ask a']);
    await harness.advance('8s');
    expect(smithy.effects).toEqual([]);
    smithy.hangs = [];
    expect(await harness.call(Ask, part('b'))).toEqual(part('b'));
    expect(warnings).toEqual([expect.stringContaining('foundry.ask-price')]);
  });
});

describe('the bound', () => {
  let clock: VirtualClock;
  let runs: HandlerRuns;
  const facts = (timeout: number) => ({
    kind: 'command' as const,
    contract: 'a.b',
    id: '1',
    what: 'A.b',
    timeout,
  });
  const never = () => new Promise<never>(() => undefined);

  beforeEach(() => {
    clock = new VirtualClock();
    runs = new HandlerRuns(clock, () => undefined, 1_000);
  });

  it.each([0, 10, 60_000, 30 * 86_400_000])(
    'of a timeout of %d ms is kept, and never cut short',
    async (timeout) => {
      const ended = jest.fn();
      let signal: AbortSignal;
      const run = runs
        .bounded(facts(timeout), async (run: HandlerRun) => ((signal = run.signal([])), never()))
        .catch(ended);
      if (timeout > 0) await clock.advance(timeout - 1);
      expect([signal!.aborted, ended.mock.calls.length]).toEqual([false, 0]);
      await clock.advance(timeout > 0 ? 1_000 : 999);
      expect([signal!.aborted, ended.mock.calls.length]).toEqual([true, 0]);
      await clock.advance(1);
      await run;
      expect(ended).toHaveBeenCalledWith(expect.any(HandlerTimeoutError));
    },
  );

  it('is told of in the conversation of the handler that was ended, not of the one that ended before', async () => {
    const reported: unknown[] = [];
    runs = new HandlerRuns(clock, () => reported.push(currentConversation()?.messageId), 1_000);
    const inThatOf = (messageId: string, work: () => Promise<unknown>) =>
      inConversation({ correlationId: messageId, traceparent: '', messageId }, work);
    const begin = (messageId: string) =>
      inThatOf(messageId, () =>
        runs.bounded({ ...facts(1_000), id: messageId }, never).catch(() => undefined),
      );
    void begin('first');
    await clock.advance(10);
    void begin('second');
    await clock.advance(10);
    void runs.bounded(facts(1_000), never).catch(() => undefined); // in no conversation
    await inThatOf('the one of the timer', () => clock.advance(3_000));
    expect(reported).toEqual(['first', 'second', undefined]);
  });

  it('does not move with the time of day, and is put off while nothing can run', async () => {
    let [now, ring] = [0, () => {}];
    const wall = {
      now: () => Math.random(),
      elapsed: () => now,
      after: (_: number, callback: () => void) => ((ring = callback), () => {}),
    };
    const blocked = new HandlerRuns(wall, () => undefined, 1_000);
    const ended = jest.fn();
    blocked.bounded(facts(9_000), never).catch(ended);
    const at = async (time: number) => {
      now = time;
      ring();
      await Promise.resolve();
      return ended.mock.calls.length;
    };
    expect([await at(60_000), await at(60_999), await at(61_000)]).toEqual([0, 0, 1]);
  });

  it('does not come nearer while the handler waits for a connection', async () => {
    let goOn = () => {};
    const ended = jest.fn();
    void runs.bounded(facts(2_000), async (run) => ((goOn = run.pause()), never())).catch(ended);
    await clock.advance('1m');
    goOn();
    await clock.advance(1_999);
    expect(runs.overdue()).toEqual([]);
    await clock.advance(1_000);
    expect(runs.overdue()).toMatchObject([{ age: 2_999, ended: false }]);
    expect(ended).not.toHaveBeenCalled();
    await clock.advance(1);
    expect(ended).toHaveBeenCalledWith(expect.any(HandlerTimeoutError));
  });

  it('of a stopping process is now: every handler ends, and is told by its signal', async () => {
    const signals: AbortSignal[] = [];
    const ended = ['a', 'b'].map((id) =>
      runs
        .bounded({ ...facts(60_000), id }, (run) => (signals.push(run.signal([])), never()))
        .catch((error: Error) => error.name),
    );
    runs.stop();
    expect(await Promise.all(ended)).toEqual(['StoppedError', 'StoppedError']);
    expect(signals.map(({ reason }) => (reason as Error).name)).toEqual([
      'StoppedError',
      'StoppedError',
    ]);
  });

  it('of a timeout is told by the signal on time, also when it is looked at late', async () => {
    let run: HandlerRun;
    void runs.bounded(facts(1_000), (one) => ((run = one), never())).catch(() => undefined);
    await clock.advance(600);
    const signal = run!.signal([]);
    await clock.advance(399);
    expect(signal.aborted).toBe(false);
    await clock.advance(1);
    expect(signal.reason).toMatchObject({ name: 'TimeoutError' });
  });

  it('is not told of by the signal of a handler that kept it', async () => {
    let signal: AbortSignal;
    await runs.bounded(facts(1_000), async (run) => (signal = run.signal([])));
    await clock.advance('1m');
    expect(signal!.aborted).toBe(false);
  });

  it('ends all: no work is begun after it, and a signal that is looked at late says so', async () => {
    let run: HandlerRun;
    void runs.bounded(facts(1_000), (one) => ((run = one), never())).catch(() => undefined);
    await clock.advance(1_999);
    expect(() => run.refuseIfEnded()).not.toThrow();
    await clock.advance(1);
    expect(() => run.refuseIfEnded()).toThrow(HandlerTimeoutError);
    expect(run!.signal([]).reason).toBeInstanceOf(HandlerTimeoutError);
  });

  it('does not keep a process alive that has nothing else to do', async () => {
    const after = jest.spyOn(clock, 'after');
    await runs.bounded(facts(1_000), async () => undefined);
    expect(after).toHaveBeenCalledWith(2_000, expect.any(Function), { ref: false });
  });

  it('ends them in its own order, and is passed by the oldest first', async () => {
    const begin = (id: string, timeout: number) =>
      void runs.bounded({ ...facts(timeout), id }, never).catch(() => undefined);
    begin('patient', 3_000);
    await clock.advance(500);
    begin('hasty', 0);
    await clock.advance(2_499);
    expect(runs.overdue()).toMatchObject([{ id: 'hasty', ended: true }]);
    await clock.advance(1);
    expect(runs.overdue()).toMatchObject([
      { id: 'patient', age: 3_000, ended: false },
      { id: 'hasty', age: 2_500, ended: true },
    ]);
  });

  it('is passed by the oldest first, ended or not', async () => {
    for (const id of ['oldest', 'old', 'young']) {
      void runs.bounded({ ...facts(100), id }, never).catch(() => undefined);
      await clock.advance(500);
    }
    await clock.advance(100);
    expect(runs.overdue().map(({ id, ended, age }) => [id, ended, age])).toEqual([
      ['oldest', true, 1_600],
      ['old', true, 1_100],
      ['young', false, 600],
    ]);
  });

  it('takes one timer for many messages, and none while nothing runs', async () => {
    const after = jest.spyOn(clock, 'after');
    for (let n = 0; n < 100; n++) await runs.bounded(facts(1_000), async () => n);
    await clock.advance('10s');
    expect(after).toHaveBeenCalledTimes(1);
  });

  it('closes what was opened, once, and not what was closed before', async () => {
    const [open, closed] = [jest.fn(), jest.fn()];
    const run = runs.bounded(
      facts(0),
      async (run) => (run.onEnd(open), run.onEnd(closed)(), never()),
    );
    await Promise.all([
      expect(run).rejects.toThrow('A.b did not end within its timeout of 0 ms plus 1000 ms'),
      clock.advance('5s'),
    ]);
    expect([open.mock.calls.length, closed.mock.calls.length]).toEqual([1, 0]);
  });
});
