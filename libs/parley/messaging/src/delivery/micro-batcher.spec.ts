import { Controller, type Type } from '@nestjs/common';
import { broadcast, command, event } from '@parley/contract';
import type { MemoryTx } from '@parley/memory';
import { Harness, type TestService, VirtualClock } from '@parley/testing';
import { z } from 'zod';
import { MicroBatcher, type BatchSlot } from './micro-batcher';
import type { BatchContext } from '../message/handler-context';
import { Handles } from '../handlers/handles';
import { HandlerError, Subscription } from '../handlers/handler-registry';
import { Messaging } from '../messaging';

const Grain = z.object({ field: z.string(), n: z.int() });
type Grain = z.infer<typeof Grain>;
const Sown = event('farm.grain-sown', Grain, { key: 'field' });
const Sow = command('farm.sow-grain', Grain, { key: 'field' });
const Crowed = broadcast('farm.cock-crowed', Grain);
const NEVER_AGAIN = { retry: { immediate: 0, delays: [] } } as const;

let batches: Grain[][];
let effects: string[];
let isPoison: (grain: Grain) => boolean;

function reap(grains: readonly Grain[], { tx, envelopes }: BatchContext<MemoryTx>): void {
  expect(envelopes.map(({ partitionkey }) => partitionkey)).toEqual(
    grains.map(({ field }) => field),
  );
  batches.push([...grains]);
  for (const { field, n } of grains) {
    effects.push(`${field}${n}`);
    tx.undo(() => effects.splice(effects.lastIndexOf(`${field}${n}`), 1));
  }
  const poison = grains.find(isPoison);
  for (const grain of grains as Grain[]) grain.field = 'changed';
  if (poison) throw new Error(`${poison.n} is poison`);
}

@Controller()
@Subscription('barn')
class BarnController {
  @Handles(Sown, { batch: 20, ...NEVER_AGAIN })
  async store(grains: Grain[], context: BatchContext<MemoryTx>) {
    reap(grains, context);
  }
}

@Controller()
class FieldController {
  @Handles(Sow, { batch: 20 })
  async sow(grains: Grain[], context: BatchContext<MemoryTx>) {
    reap(grains, context);
  }
}

const grains = (count: number, field: (n: number) => string = (n) => `f${n}-`): Grain[] =>
  Array.from({ length: count }, (_, i) => ({ field: field(i + 1), n: i + 1 }));
const named = (all: readonly Grain[]) => all.map(({ field, n }) => `${field}${n}`).sort();

describe('a handler of batches', () => {
  let harness: Harness;
  let farm: TestService;

  beforeEach(() => {
    [batches, effects, isPoison] = [[], [], () => false];
  });
  afterEach(() => harness.close());

  async function start(
    controller: Type,
    options?: ConstructorParameters<typeof Harness>[0],
  ): Promise<void> {
    harness = new Harness(options);
    farm = await harness.start('farm', { controllers: [controller] });
  }

  it('takes what is there, in one transaction, and no more than it asked for', async () => {
    await start(BarnController);
    expect(farm.get(Messaging).registry.subscriptions('event')).toMatchObject([
      { concurrency: 20 },
    ]);
    const transactions = jest.spyOn(farm.store, 'transaction');
    await Promise.all(grains(50).map((grain) => harness.publish(Sown, grain)));
    const before = transactions.mock.calls.length;
    await harness.settled();
    expect([...effects].sort()).toEqual(named(grains(50)));
    expect(batches.length).toBeLessThan(10);
    expect(Math.max(...batches.map(({ length }) => length))).toBe(20);
    expect(transactions.mock.calls.length - before).toBeLessThanOrEqual(batches.length);
  });

  it('gets one that comes alone at once, as a batch of one', async () => {
    await start(BarnController);
    await harness.publish(Sown, { field: 'a', n: 1 });
    await harness.settled(); // no time has passed
    expect([batches.length, effects]).toEqual([1, ['a1']]);
  });

  it('handles each alone when they fail together: poison harms only itself', async () => {
    await start(BarnController);
    isPoison = ({ n }) => n % 10 === 0;
    await Promise.all(grains(40).map((grain) => harness.publish(Sown, grain)));
    await harness.settled();
    expect([...effects].sort()).toEqual(named(grains(40).filter((grain) => !isPoison(grain))));
    const letters = await harness.deadLetters();
    expect(
      letters
        .map(({ body, failure }) => [(JSON.parse(body.toString()) as Grain).n, failure.tries])
        .sort(),
    ).toEqual([10, 20, 30, 40].map((n) => [n, 1]));
  });

  it('never gets two of one key at a time, and gets them in order', async () => {
    await start(FieldController);
    for (const grain of grains(40, (n) => `f${n % 4}-`)) await harness.send(Sow, grain);
    await harness.settled();
    for (let field = 0; field < 4; field++) {
      const order = effects
        .filter((effect) => effect.startsWith(`f${field}-`))
        .map((effect) => Number(effect.split('-')[1]));
      expect(order).toEqual([...order].sort((a, b) => a - b));
      expect(order).toHaveLength(10);
    }
    expect(batches.some(({ length }) => length > 1)).toBe(true);
    expect(Math.max(...batches.map(({ length }) => length))).toBeLessThanOrEqual(4);
  });

  it('has one effect of each, whatever the broker delivers twice', async () => {
    await start(FieldController, { mischief: { seed: 5, duplicate: 0.5, reorder: true } });
    for (const grain of grains(60)) await harness.send(Sow, grain);
    await harness.settled();
    expect([...effects].sort()).toEqual(named(grains(60)));
  });

  it('is told by its signal that the service stops; its messages go back and are handled elsewhere', async () => {
    const sizes: number[] = [];
    let begin = () => {};
    const begun = new Promise<void>((resolve) => (begin = resolve));
    @Controller()
    class SlowController {
      @Handles(Sow, { batch: 20 })
      async sow(all: Grain[], { signal }: BatchContext<MemoryTx>) {
        sizes.push(all.length);
        begin();
        signal.throwIfAborted();
        await new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        );
      }
    }
    await start(SlowController);
    for (const grain of grains(3)) await harness.send(Sow, grain);
    await begun;
    await farm.get(Messaging).stopConsuming();
    expect(await farm.get(Messaging).drained(1)).toBe(false);
    await farm.stop();
    expect(sizes[0]).toBe(3);
    await harness.start('farm', { controllers: [FieldController] });
    await harness.settled();
    expect([...effects].sort()).toEqual(named(grains(3)));
  });

  it('waits in its lane behind one that failed, and takes others meanwhile', async () => {
    await start(FieldController);
    let failures = 5; // together, then alone and three times more
    isPoison = ({ field, n }) => field === 'bad' && n === 1 && failures-- > 0;
    for (const grain of [...grains(3, () => 'bad'), ...grains(3, () => 'good')])
      await harness.send(Sow, grain);
    await harness.settled();
    expect([...effects]).toEqual(['good1', 'good2', 'good3']);
    await harness.advance('2s');
    expect(effects.slice(3)).toEqual(['bad1', 'bad2', 'bad3']);
  });
});

describe('a service whose handler of batches cannot have them', () => {
  const started = (handler: Type) => {
    const harness = new Harness();
    return harness.start('farm', { controllers: [handler] }).finally(() => harness.close());
  };

  it('does not start: it has a transaction of its own', async () => {
    @Controller()
    class OwnController {
      @Handles(Sow, { batch: 5, transaction: 'own' })
      async sow(_grains: Grain[]) {}
    }
    await expect(started(OwnController)).rejects.toThrow(
      new HandlerError(
        "OwnController.sow takes batches of farm.sow-grain, but with transaction: 'own', and a batch has only one transaction; leave out one of the two",
      ),
    );
  });

  it('does not start: nothing is acknowledged', async () => {
    @Controller()
    class HearingController {
      @Handles(Crowed as never, { batch: 5 })
      async receive(_grains: Grain[]) {}
    }
    await expect(started(HearingController)).rejects.toThrow('nothing acknowledges them together');
  });

  it('does not start: it asks for batches of nothing', async () => {
    @Controller()
    class EmptyController {
      @Handles(Sow, { batch: 0 })
      async sow(_grains: Grain[]) {}
    }
    await expect(started(EmptyController)).rejects.toThrow('a whole number from 1 to 1000');
  });
});

describe('batches', () => {
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it('hold what comes while one is handled, for the next one, but not what makes a whole one', async () => {
    const handled: number[][] = [];
    const finish: ((handled: boolean) => void)[] = [];
    const together = (members: readonly number[]) => (
      handled.push([...members]),
      new Promise<boolean>((resolve) => finish.push(resolve))
    );
    const gatherings = new MicroBatcher<number>(together, new VirtualClock());
    const join = (...members: number[]) =>
      Promise.all(members.map((member) => gatherings.add('it', 3, member)));
    const companies: BatchSlot[][] = [];
    const note = (all: BatchSlot[]) => void companies.push(all);
    void join(1, 2).then(note);
    await turn();
    void join(3, 4).then(note);
    await turn();
    await turn();
    expect(handled).toEqual([[1, 2]]);
    void join(5).then(note);
    await turn();
    await turn();
    expect(handled).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
    finish[0]!(false);
    finish[1]!(true);
    await turn();
    expect(companies.map((all) => all.map(({ alone }) => alone))).toEqual([
      [true, true],
      [false, false],
      [false],
    ]);
  });

  it('of one wait until it is over, so that the next ones are more', async () => {
    const handled: number[][] = [];
    const gatherings = new MicroBatcher<number>(
      async (members) => (handled.push([...members]), true),
      new VirtualClock(),
    );
    const first = await gatherings.add('it', 9, 1);
    const others = Promise.all([2, 3, 4].map((member) => gatherings.add('it', 9, member)));
    await turn();
    expect([first.alone, handled]).toEqual([true, []]);
    if (first.alone) first.over();
    expect((await others).map(({ alone }) => alone)).toEqual([false, false, false]);
    expect(handled).toEqual([[2, 3, 4]]);
  });

  it('wait for a handler that hangs for 100 ms, and no longer', async () => {
    const handled: number[][] = [];
    const clock = new VirtualClock();
    const hangs = (members: readonly number[]) => (
      handled.push([...members]),
      new Promise<boolean>(() => undefined)
    );
    const gatherings = new MicroBatcher<number>(hangs, clock);
    for (const member of [1, 2]) void gatherings.add('it', 9, member);
    await turn();
    for (const member of [3, 4]) void gatherings.add('it', 9, member);
    await clock.advance(99);
    await turn();
    expect(handled).toEqual([[1, 2]]);
    await clock.advance(1);
    await turn();
    expect(handled).toEqual([
      [1, 2],
      [3, 4],
    ]);
    for (const member of [5, 6]) void gatherings.add('it', 9, member);
    await clock.advance(100);
    await turn();
    expect(handled).toHaveLength(3);
  });
});
