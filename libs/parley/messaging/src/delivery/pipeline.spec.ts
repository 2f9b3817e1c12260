import { randomUUID } from 'node:crypto';
import { Controller } from '@nestjs/common';
import { broadcast, command, event, type Contract } from '@parley/contract';
import type { MemoryTx } from '@parley/memory';
import { Harness, type TestService } from '@parley/testing';
import { z } from 'zod';
import type { HandlerContext } from '../message/handler-context';
import { Envelopes } from '../message/envelope';
import { UnrecoverableError } from '../message/failure';
import { Handles } from '../handlers/handles';
import { Subscription } from '../handlers/handler-registry';
import type { Envelope } from '../message/message';
import { Messaging } from '../messaging';
import { Messenger } from '../sending/messenger';

const Job = z.object({ job: z.string(), step: z.int() });
type Job = z.infer<typeof Job>;
const Forge = command('smithy.forge-part', Job, { key: 'job' });
const Sweep = command('smithy.sweep-floor', Job);
const Paint = command('smithy.paint-part', Job, { key: 'job' });
const Forget = command('smithy.forget-part', Job, { key: 'job' });
const Forged = event('smithy.part-forged', Job, { key: 'job' });
const Rang = broadcast('smithy.bell-rang', Job);

type Context = HandlerContext<MemoryTx>;

/**
 * The handlers, with the messages they saw and their effects. Effects are undone with their
 * transaction, as in a database.
 */
class Smithy {
  readonly seen: string[] = [];
  readonly effects: string[] = [];
  /** Consulted at the end of each handling, in place of luck. */
  luck: (job: Job, where: string, context: Context) => unknown = () => undefined;

  async work(where: string, job: Job, context: Context, tx = context.tx): Promise<void> {
    this.seen.push(`${where} ${job.job}${job.step} #${context.attempt}`);
    this.effects.push(`${where} ${job.job}${job.step}`);
    tx.undo(() => this.effects.pop());
    await this.luck(job, where, context);
  }

  /** Fails so many times, counted by where and job. */
  fails(
    times: number,
    what: (job: Job, where: string) => boolean = () => true,
    error: () => unknown = () => new Error('the iron is cold'),
  ): void {
    const failed = new Map<string, number>();
    this.luck = (job, where) => {
      const key = `${where} ${job.job}${job.step}`;
      const before = failed.get(key) ?? 0;
      failed.set(key, before + 1);
      if (what(job, where) && before < times) throw error();
    };
  }
}

@Controller()
class SmithController {
  constructor(
    private readonly smithy: Smithy,
    private readonly messenger: Messenger,
  ) {}

  @Handles(Forge)
  async forge(job: Job, context: Context): Promise<void> {
    await this.messenger.publish(Forged, job);
    await this.smithy.work('forge', job, context);
  }

  @Handles(Sweep)
  sweep(job: Job, context: Context): Promise<void> {
    return this.smithy.work('sweep', job, context);
  }

  @Handles(Paint, { transaction: 'own' })
  async paint(job: Job, context: Context): Promise<void> {
    this.smithy.seen.push(`paint ${job.job}${job.step} #${context.attempt}`);
    await this.smithy.luck(job, 'before', context);
    await context.transaction(async (tx) => {
      await this.messenger.publish(Forged, job);
      await this.smithy.work('painted', job, context, tx);
    });
    await this.smithy.luck(job, 'after', context);
  }

  @Handles(Rang)
  async rang(job: Job): Promise<void> {
    this.smithy.seen.push(`rang ${job.step}`);
    await this.smithy.luck(job, 'rang', undefined as never);
  }
}

@Controller()
@Subscription('ledger')
class LedgerController {
  constructor(private readonly smithy: Smithy) {}

  @Handles(Forged)
  forged(job: Job, context: Context): Promise<void> {
    return this.smithy.work('ledger', job, context);
  }
}

@Controller()
@Subscription('archive')
class ArchiveController {
  constructor(private readonly smithy: Smithy) {}

  @Handles(Forged)
  forged(job: Job, context: Context): Promise<void> {
    return this.smithy.work('archive', job, context);
  }
}

@Controller()
@Subscription('window', { live: true })
class WindowController {
  constructor(private readonly smithy: Smithy) {}

  @Handles(Forged)
  async forged(job: Job, context: Context): Promise<void> {
    this.smithy.seen.push(`window ${job.job}${job.step}`);
    await this.smithy.luck(job, 'window', context);
  }
}

let harness: Harness;
let smithy: Smithy;

const open = (...controllers: (new (...args: never[]) => object)[]): Promise<TestService> =>
  harness.start('smithy', { controllers, providers: [{ provide: Smithy, useValue: smithy }] });

beforeEach(() => {
  harness = new Harness();
  smithy = new Smithy();
});
afterEach(() => harness.close());

const part = (job: string, step = 1): Job => ({ job, step });
const times = (n: number, text: string): string[] => Array(n).fill(text) as string[];

/** A message as it lies in a queue. */
function lying(
  contract: Contract,
  payload: unknown,
  { body, ...envelope }: Partial<Envelope> & { readonly body?: Buffer } = {},
): void {
  const envelopes = new Envelopes(
    { service: contract.owner, instance: 'stranger-1', build: 'test' },
    harness.clock,
  );
  const message = {
    contract,
    envelope: { ...envelopes.write(contract, payload), ...envelope },
    body: body ?? Buffer.from(JSON.stringify(payload)),
  };
  harness['broker'].publish(message);
}

async function letters() {
  return (await harness.deadLetters()).map(
    ({ subscription, failure }) => `${subscription}: ${failure.error}`,
  );
}

async function replayAll({ store }: TestService): Promise<void> {
  for (const { id } of await store.lanes.deadLetters.list())
    expect(await store.lanes.deadLetters.replay(id)).toBe(true);
  await harness.settled();
}

describe('a message whose handling fails', () => {
  it('is tried three times more at once, after 1 s, after 10 s and after 60 s, and then is dead', async () => {
    await open(SmithController);
    smithy.fails(Infinity);
    await harness.send(Forge, part('a'));
    await harness.settled();
    const tries = [smithy.seen.length];
    for (const [almost, due] of [
      ['999ms', '1ms'],
      ['9999ms', '1ms'],
      ['59999ms', '1ms'],
    ] as const) {
      await harness.advance(almost);
      tries.push(smithy.seen.length);
      await harness.advance(due);
      tries.push(smithy.seen.length);
    }
    expect(tries).toEqual([4, 4, 8, 8, 12, 12, 16]);
    expect(smithy.seen).toEqual(
      [1, 2, 3, 4].flatMap((attempt) => times(4, `forge a1 #${attempt}`)),
    );
    await harness.advance('5m');
    expect(smithy.seen).toHaveLength(16);
    expect([smithy.effects, harness.sent(Forged)]).toEqual([[], []]);
  });

  it('becomes a dead letter with all its evidence', async () => {
    await open(SmithController);
    smithy.fails(Infinity, undefined, () => new RangeError('too hot'));
    lying(Forge, part('a'), { body: Buffer.from('{"job":"a","step":1,"unknown":"kept"}') });
    await harness.settled();
    await harness.advance('71s');
    const [letter, ...others] = await harness.deadLetters();
    expect(others).toEqual([]);
    expect(letter).toMatchObject({
      subscription: 'smithy',
      attempts: 4,
      headers: {
        type: 'smithy.forge-part',
        producerinstance: 'stranger-1',
        partitionkey: 'a',
        contractversion: '1',
      },
      failure: {
        error: 'RangeError',
        message: 'too hot',
        stack: expect.stringContaining('pipeline.spec'),
        tries: 16,
        instance: 'smithy-1',
        firstFailedAt: '2026-01-01T00:00:00.000Z',
        lastFailedAt: '2026-01-01T00:01:11.000Z',
      },
      died: new Date('2026-01-01T00:01:11.000Z'),
    });
    expect(letter!.body.toString()).toBe('{"job":"a","step":1,"unknown":"kept"}');
  });

  it('takes effect once as soon as a try succeeds', async () => {
    await open(SmithController);
    smithy.fails(6);
    await harness.send(Forge, part('a'));
    await harness.settled();
    await harness.advance('1s');
    expect(smithy.seen).toEqual([...times(4, 'forge a1 #1'), ...times(3, 'forge a1 #2')]);
    expect([smithy.effects, harness.sent(Forged)]).toEqual([['forge a1'], [part('a')]]);
  });

  it('without a key is retried by itself, and holds nobody up', async () => {
    await open(SmithController);
    smithy.fails(4, ({ step }) => step === 1);
    await harness.send(Sweep, part('a', 1));
    await harness.send(Sweep, part('a', 2));
    await harness.settled();
    expect(smithy.effects).toEqual(['sweep a2']);
    await harness.advance('1s');
    expect(smithy.effects).toEqual(['sweep a2', 'sweep a1']);
  });

  it.each<[string, () => unknown]>([
    ['UnrecoverableError', () => new UnrecoverableError('never')],
    [
      'CardExpired',
      () =>
        new (class extends UnrecoverableError {
          override readonly name = 'CardExpired';
        })('in May'),
    ],
  ])('because it can never succeed is dead at once: %s', async (name, error) => {
    await open(SmithController);
    smithy.fails(Infinity, undefined, error);
    await harness.send(Forge, part('a'));
    await harness.settled();
    expect(smithy.seen).toHaveLength(1);
    expect(await letters()).toEqual([`smithy: ${name}`]);
  });

  it.each<[string, unknown]>([
    ['a text', 'no'],
    ['nothing', undefined],
    ['an object without a prototype', Object.create(null)],
  ])('by throwing %s fails like any other', async (_, thrown) => {
    await open(SmithController);
    smithy.fails(Infinity, undefined, () => thrown);
    await harness.send(Forge, part('a'));
    await harness.settled();
    await harness.advance('71s');
    expect([smithy.seen.length, (await letters()).length]).toEqual([16, 1]);
  });
});

describe('a message that no handling can help', () => {
  it.each<[string, Buffer]>([
    ['is not JSON', Buffer.from('{')],
    ['breaks its contract', Buffer.from('{"job":"a","step":"one"}')],
    ['is nested too deep', Buffer.from('['.repeat(5_000))],
    ['is not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ])('because it %s is dead before it is handled, and holds no lane', async (_, body) => {
    await open(SmithController);
    lying(Forge, part('a'), { body });
    lying(Forge, part('a', 2));
    await harness.settled();
    expect(await letters()).toEqual(['smithy: InvalidMessageError']);
    expect(smithy.seen).toEqual(['forge a2 #1']);
    expect((await harness.deadLetters())[0]!.body).toEqual(body);
  });

  it('because nobody here handles its contract is dead', async () => {
    await open(SmithController);
    lying(Forget, part('a'));
    await harness.settled();
    expect(await letters()).toEqual(['smithy: NoHandlerError']);
    expect((await harness.deadLetters())[0]!.failure.message).toBe(
      'nothing in smithy handles smithy.forget-part',
    );
  });

  it('because its id is none is dead', async () => {
    await open(SmithController);
    lying(Forge, part('a'), { id: 'not-a-uuid' });
    await harness.settled();
    expect(await letters()).toEqual(['smithy: InvalidMessageError']);
  });

  it('because it has expired is dead unhandled', async () => {
    await harness.send(Forge, part('a'), { expires: '5s' });
    await harness.send(Forge, part('b'), { expires: '6s' });
    await harness.advance('5s');
    await open(SmithController);
    await harness.settled();
    expect(smithy.seen).toEqual(['forge b1 #1']);
    expect(await letters()).toEqual(['smithy: ExpiredError']);
  });
});

describe('a lane', () => {
  it('waits in order behind a failed event while other keys flow, and each takes effect once', async () => {
    await open(LedgerController);
    smithy.fails(4, ({ job, step }) => job === 'a' && step === 1);
    for (const step of [1, 2, 3])
      for (const job of ['a', 'b']) await harness.publish(Forged, part(job, step));
    await harness.settled();
    expect(smithy.effects).toEqual(['ledger b1', 'ledger b2', 'ledger b3']);
    await harness.publish(Forged, part('a', 4));
    await harness.settled();
    await harness.advance('1s');
    expect(smithy.effects.slice(3)).toEqual(['ledger a1', 'ledger a2', 'ledger a3', 'ledger a4']);
    await harness.publish(Forged, part('a', 5));
    await harness.settled();
    expect(smithy.effects.slice(7)).toEqual(['ledger a5']);
  });

  it('is held by a dead letter until it is replayed, then goes on in order', async () => {
    const service = await open(SmithController);
    smithy.fails(
      Infinity,
      ({ job, step }) => job === 'a' && step === 2,
      () => new UnrecoverableError('no'),
    );
    for (const step of [1, 2, 3, 4])
      for (const job of ['a', 'b']) await harness.send(Forge, part(job, step));
    await harness.settled();
    await harness.advance('5m');
    expect(smithy.effects.filter((effect) => effect.includes(' a'))).toEqual(['forge a1']);
    expect(smithy.effects.filter((effect) => effect.includes(' b'))).toHaveLength(4);
    smithy.luck = () => undefined;
    await replayAll(service);
    expect(smithy.effects.filter((effect) => effect.includes(' a'))).toEqual([
      'forge a1',
      'forge a2',
      'forge a3',
      'forge a4',
    ]);
    expect(harness.sent(Forged)).toHaveLength(8);
    expect(await letters()).toEqual([]);
  });

  it('is kept by handlers with a transaction of their own, too: they do nothing outside before their turn', async () => {
    await open(SmithController);
    smithy.fails(4, ({ step }, where) => step === 1 && where === 'before');
    await harness.send(Paint, part('a', 1));
    await harness.send(Paint, part('a', 2));
    await harness.settled();
    expect(smithy.seen).toEqual(times(4, 'paint a1 #1'));
    await harness.advance('1s');
    expect(smithy.effects).toEqual(['painted a1', 'painted a2']);
  });

  it('of an empty key is a lane like any other', async () => {
    await open(LedgerController);
    smithy.fails(4, ({ step }) => step === 1);
    for (const step of [1, 2]) await harness.publish(Forged, part('', step));
    await harness.settled();
    expect(smithy.effects).toEqual([]);
    await harness.advance('1s');
    expect(smithy.effects).toEqual(['ledger 1', 'ledger 2']);
  });
});

describe('a message that is delivered again', () => {
  it('takes effect once', async () => {
    await open(SmithController);
    const id = randomUUID();
    for (let copy = 0; copy < 3; copy++) lying(Forge, part('a'), { id });
    await harness.settled();
    expect([smithy.effects, harness.sent(Forged)]).toEqual([['forge a1'], [part('a')]]);
    expect(await letters()).toEqual([]);
  });

  it('takes effect once without a key, too, where both may be handled at the same time', async () => {
    await open(SmithController);
    const id = randomUUID();
    for (let copy = 0; copy < 3; copy++) lying(Sweep, part('a'), { id });
    await harness.settled();
    expect(smithy.effects).toEqual(['sweep a1']);
  });

  it('and fails because its effects are there already is a duplicate, not a failure', async () => {
    await open(SmithController);
    const id = randomUUID();
    smithy.luck = (_, where) => {
      if (smithy.effects.filter((effect) => effect === `${where} a1`).length > 1)
        throw new Error('duplicate key value violates unique constraint');
    };
    lying(Forge, part('a'), { id });
    await harness.settled();
    lying(Forge, part('a'), { id });
    lying(Forge, part('a', 2));
    await harness.settled();
    expect(smithy.seen).toEqual(['forge a1 #1', 'forge a1 #1', 'forge a2 #1']);
    expect(smithy.effects).toEqual(['forge a1', 'forge a2']);
    expect(await letters()).toEqual([]);
  });

  it('while its first delivery waits in its lane does not overtake it', async () => {
    await open(SmithController);
    const id = randomUUID();
    smithy.fails(4);
    lying(Forge, part('a'), { id });
    lying(Forge, part('a'), { id });
    await harness.settled();
    expect([smithy.seen.length, smithy.effects]).toEqual([4, []]);
    await harness.advance('2m');
    expect([smithy.seen.length, smithy.effects]).toEqual([5, ['forge a1']]);
  });
});

describe('an event', () => {
  it('is retried by each subscription for itself', async () => {
    await open(LedgerController, ArchiveController);
    smithy.fails(Infinity, (_, where) => where === 'ledger');
    await harness.publish(Forged, part('a', 1));
    await harness.publish(Forged, part('a', 2));
    await harness.settled();
    await harness.advance('71s');
    expect(smithy.seen.filter((seen) => seen.startsWith('archive'))).toEqual([
      'archive a1 #1',
      'archive a2 #1',
    ]);
    expect(smithy.seen.filter((seen) => seen.startsWith('ledger'))).toHaveLength(16);
    expect(await letters()).toEqual(['smithy.ledger: Error']);
  });

  it('is shown by a live tail to every instance, from now on, and never again', async () => {
    await harness.publish(Forged, part('a', 1));
    const error = new Error('the glass broke');
    await open(WindowController);
    await open(WindowController);
    smithy.luck = ({ step }) => (step === 2 ? Promise.reject(error) : undefined);
    for (const step of [2, 3]) await harness.publish(Forged, part('a', step));
    await harness.settled();
    await harness.advance('5m');
    expect([...smithy.seen].sort()).toEqual(['window a2', 'window a2', 'window a3', 'window a3']);
    expect(await letters()).toEqual([]);
  });
});

describe('a broadcast', () => {
  it('whose handler fails, or that nobody can read, is over; the next one is heard', async () => {
    await open(SmithController);
    smithy.luck = ({ step }) => (step === 1 ? Promise.reject(new Error('deaf')) : undefined);
    await harness.broadcast(Rang, part('a', 1));
    lying(Rang, part('a'), { body: Buffer.from('{') });
    await harness.broadcast(Rang, part('a', 2));
    await harness.settled();
    await harness.advance('5m');
    expect(smithy.seen).toEqual(['rang 1', 'rang 2']);
    expect(await letters()).toEqual([]);
  });
});

describe('a handler with a transaction of its own', () => {
  it('commits its effects, what it says and its acknowledgement at once', async () => {
    await open(SmithController);
    await harness.send(Paint, part('a'));
    await harness.settled();
    expect([smithy.seen, smithy.effects, harness.sent(Forged)]).toEqual([
      ['paint a1 #1', 'painted a1 #1'],
      ['painted a1'],
      [part('a')],
    ]);
  });

  it('that fails before or within it has done nothing, and is tried again', async () => {
    await open(SmithController);
    smithy.fails(1, (_, where) => where === 'before' || where === 'painted');
    await harness.send(Paint, part('a'));
    await harness.settled();
    expect(smithy.seen.filter((seen) => seen.startsWith('paint '))).toHaveLength(3);
    expect([smithy.effects, harness.sent(Forged)]).toEqual([['painted a1'], [part('a')]]);
  });

  it('that fails after it has been handled: it is not tried again', async () => {
    await open(SmithController);
    smithy.fails(Infinity, (_, where) => where === 'after');
    await harness.send(Paint, part('a'));
    await harness.settled();
    await harness.advance('5m');
    expect(smithy.seen).toEqual(['paint a1 #1', 'painted a1 #1']);
    expect([smithy.effects, await letters()]).toEqual([['painted a1'], []]);
  });

  it('has one, and no second', async () => {
    await open(SmithController);
    smithy.luck = (_, where, context) =>
      where === 'after' && context.transaction(async () => void smithy.effects.push('twice'));
    await harness.send(Paint, part('a'));
    await harness.settled();
    expect([smithy.effects, await letters()]).toEqual([['painted a1'], []]);
  });

  it('has no `tx` before it opens one', async () => {
    await open(SmithController);
    smithy.luck = (_, where, context) => where === 'before' && context.tx;
    await harness.send(Paint, part('a'));
    await harness.settled();
    expect((await harness.deadLetters())[0]!.failure.message).toBe(
      'SmithController.paint has no transaction yet; use context.transaction(…)',
    );
  });
});

describe('a drain', () => {
  const gate = () => {
    let open!: () => void;
    const opened = new Promise<void>((resolve) => (open = resolve));
    return { open, opened };
  };

  it('lets what is under way end, and takes nothing new', async () => {
    const service = await open(SmithController);
    const [begun, finish] = [gate(), gate()];
    smithy.luck = () => (begun.open(), finish.opened);
    await harness.send(Forge, part('a'));
    await begun.opened;
    await service.get(Messaging).stopConsuming();
    const drained = service.get(Messaging).drained(60_000);
    await harness.send(Forge, part('b'));
    finish.open();
    expect(await drained).toBe(true);
    expect(smithy.effects).toEqual(['forge a1']);
  });

  it('gives back what did not end in time; it is handled elsewhere, as if for the first time', async () => {
    const service = await open(SmithController);
    const begun = gate();
    smithy.luck = (_, __, { signal }) => (
      begun.open(),
      new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      )
    );
    await harness.send(Forge, part('a'));
    await begun.opened;
    await service.get(Messaging).stopConsuming();
    expect(await service.get(Messaging).drained(1)).toBe(false);
    await service.stop();
    expect(smithy.effects).toEqual([]);
    smithy.luck = () => undefined;
    await open(SmithController);
    await harness.settled();
    expect(smithy.seen).toEqual(['forge a1 #1', 'forge a1 #1']);
    expect([smithy.effects, await letters()]).toEqual([['forge a1'], []]);
  });
});
