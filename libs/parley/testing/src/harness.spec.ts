import { setTimeout as sleep } from 'node:timers/promises';
import { Controller } from '@nestjs/common';
import { broadcast, call, command, event } from '@parley/contract';
import {
  type HandlerContext,
  Handles,
  Messenger,
  Subscription,
  UnrecoverableError,
} from '@parley/messaging';
import type { MemoryTx } from '@parley/memory';
import { z } from 'zod';
import { Harness, UnsettledError } from './harness';

const Order = z.object({ orderId: z.string(), line: z.number() });
type Order = z.infer<typeof Order>;
const Pick = command('depot.pick-line', Order, { key: 'orderId' });
const Picked = event('depot.line-picked', Order, { key: 'orderId' });
const Priced = broadcast('depot.price-changed', z.object({ price: z.number() }));
const Ask = call('depot.count-lines', {
  request: z.object({ orderId: z.string() }),
  reply: z.object({ lines: z.number() }),
});

/** Picks lines: fails as often as it is told to, first. */
class Depot {
  readonly lines: Order[] = [];
  readonly calls: string[] = [];
  failures = new Map<string, number>();
  hang?: Promise<void>;
}

@Controller()
class DepotController {
  constructor(
    private readonly depot: Depot,
    private readonly messenger: Messenger,
  ) {}

  @Handles(Pick)
  async pick(order: Order, { tx, attempt }: HandlerContext<MemoryTx>): Promise<void> {
    this.depot.calls.push(`${order.orderId}/${order.line} attempt ${attempt}`);
    await this.depot.hang;
    this.depot.lines.push(order);
    tx.undo(() => this.depot.lines.splice(this.depot.lines.indexOf(order), 1));
    await this.messenger.publish(Picked, order);
    const left = this.depot.failures.get(`${order.orderId}/${order.line}`) ?? 0;
    this.depot.failures.set(`${order.orderId}/${order.line}`, left - 1);
    if (left > 0) throw left === Infinity ? new UnrecoverableError('never') : new Error('not now');
  }

  @Handles(Ask)
  async count({ orderId }: { orderId: string }) {
    return { lines: this.depot.lines.filter((line) => line.orderId === orderId).length };
  }
}

class Screen {
  readonly seen: unknown[] = [];
}

@Controller()
@Subscription('screen')
class ScreenController {
  constructor(private readonly screen: Screen) {}

  @Handles(Picked)
  async picked(order: Order): Promise<void> {
    this.screen.seen.push(order);
  }

  @Handles(Priced)
  async priced(price: { price: number }): Promise<void> {
    this.screen.seen.push(price);
  }
}

/** Has each line picked again. */
@Controller()
@Subscription('echo')
class EchoController {
  constructor(private readonly messenger: Messenger) {}

  @Handles(Picked)
  async picked({ orderId, line }: Order): Promise<void> {
    await this.messenger.send(Pick, { orderId, line: line + 1 });
  }
}

/** Milliseconds without a change. */
const BOUND_MS = 50;

describe('a harness', () => {
  let harness: Harness;
  let depot: Depot;
  const startDepot = () =>
    harness.start('depot', {
      controllers: [DepotController],
      providers: [{ provide: Depot, useValue: depot }],
    });

  beforeEach(() => {
    harness = new Harness();
    depot = new Depot();
  });
  afterEach(() => harness.close());

  const send = (line: number, orderId = 'o-1') => harness.send(Pick, { orderId, line });

  it('carries a message from service to service and waits until all is quiet', async () => {
    await startDepot();
    const screen = (
      await harness.start('insights', { controllers: [ScreenController], providers: [Screen] })
    ).get(Screen);
    await send(1);
    await harness.settled();
    expect(screen.seen).toEqual([{ orderId: 'o-1', line: 1 }]);
    expect(harness.sent(Picked)).toEqual([{ orderId: 'o-1', line: 1 }]);
    expect(await harness.call(Ask, { orderId: 'o-1' })).toEqual({ lines: 1 });
    await harness.broadcast(Priced, { price: 7 });
    await harness.settled();
    expect(screen.seen).toHaveLength(2);
  });

  it('retries at once, then after virtual delays, with nothing left of what failed', async () => {
    await startDepot();
    depot.failures.set('o-1/1', 6); // four tries at once, then the third after a second
    await send(1);
    await harness.settled();
    expect(depot.calls).toEqual(Array(4).fill('o-1/1 attempt 1'));
    expect([depot.lines, harness.sent(Picked)]).toEqual([[], []]);
    await harness.advance('999ms');
    expect(depot.calls).toHaveLength(4);
    await harness.advance('1ms');
    expect(depot.calls.slice(4)).toEqual(Array(3).fill('o-1/1 attempt 2'));
    expect([depot.lines, harness.sent(Picked)]).toEqual([
      [{ orderId: 'o-1', line: 1 }],
      [{ orderId: 'o-1', line: 1 }],
    ]);
  });

  it('keeps the order of a key while its first message waits for a retry, and lets other keys pass', async () => {
    await startDepot();
    depot.failures.set('o-1/1', 4);
    for (const line of [1, 2, 3]) await send(line);
    await send(1, 'o-2');
    await harness.settled();
    expect(depot.lines).toEqual([{ orderId: 'o-2', line: 1 }]);
    await harness.advance('2s');
    expect(depot.lines.slice(1).map(({ line }) => line)).toEqual([1, 2, 3]);
    await send(4);
    await harness.settled();
    expect(depot.lines.at(-1)).toEqual({ orderId: 'o-1', line: 4 });
  });

  it('shows dead letters, and their lane goes on in order when they are replayed', async () => {
    const { store } = await startDepot();
    depot.failures.set('o-1/1', Infinity);
    await send(1);
    await send(2);
    await harness.settled();
    const letters = await harness.deadLetters();
    expect(letters).toMatchObject([
      { subscription: 'depot', failure: { error: 'UnrecoverableError', message: 'never' } },
    ]);
    expect(depot.lines).toEqual([]);
    depot.failures.clear();
    await store.lanes.deadLetters.replay(letters[0]!.id);
    await harness.settled();
    expect(depot.lines.map(({ line }) => line)).toEqual([1, 2]);
  });

  it('lets time pass only when real work is through, however long it takes', async () => {
    await startDepot();
    depot.hang = sleep(300);
    await send(1);
    await harness.advance('1ms');
    expect(depot.lines).toHaveLength(1);
  });

  it('does not wait for work that waits for virtual time', async () => {
    await startDepot();
    depot.hang = new Promise((resolve) => void harness.clock.after(1000, resolve));
    await send(1);
    await harness.advance('999ms');
    expect(depot.lines).toEqual([]);
    await harness.advance('1ms');
    expect(depot.lines).toHaveLength(1);
  });

  it('says what is stuck', async () => {
    await startDepot();
    let release = () => {};
    depot.hang = new Promise((resolve) => (release = resolve));
    await send(1);
    const error = await harness.settled(50).catch((error: UnsettledError) => error);
    expect(error).toBeInstanceOf(UnsettledError);
    expect(String(error)).toContain('1 messages for depot');
    release();
    await harness.settled();
  });

  it('waits for work that goes on, however long it takes', async () => {
    await startDepot();
    Object.defineProperty(depot, 'hang', { get: () => sleep(BOUND_MS / 2) });
    for (let line = 1; line <= 6; line++) await send(line);
    await harness.settled(BOUND_MS);
    expect(depot.lines).toHaveLength(6);
  });

  it('gives up work that never ends', async () => {
    await startDepot();
    await harness.start('insights', { controllers: [EchoController] });
    await send(1);
    await expect(harness.settled(BOUND_MS)).rejects.toThrow(UnsettledError);
  });

  it('has commands wait for a service that is not there yet, and is settled', async () => {
    await send(1);
    await harness.settled();
    await startDepot();
    await harness.settled();
    expect(depot.lines).toHaveLength(1);
  });

  it('shares work and store among the instances of a service, and goes on without one', async () => {
    const first = await startDepot();
    const second = await startDepot();
    expect(second.store).toBe(first.store);
    await first.stop();
    await send(1);
    await harness.settled();
    expect(depot.lines).toHaveLength(1);
  });

  it('keeps its promises under mischief', async () => {
    harness = new Harness({ mischief: { seed: 3, duplicate: 0.5, delay: 100, reorder: true } });
    await startDepot();
    for (let line = 1; line <= 20; line++)
      for (const orderId of ['a', 'b', 'c']) await send(line, orderId);
    for (const orderId of ['a', 'b']) depot.failures.set(`${orderId}/5`, 5);
    await harness.advance('1m');
    for (const orderId of ['a', 'b', 'c']) {
      expect(
        depot.lines.filter((line) => line.orderId === orderId).map(({ line }) => line),
      ).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
    }
    expect(harness.sent(Picked)).toHaveLength(60);
  });

  it('lets a day pass in few steps: a relay does not look while nothing happens', async () => {
    const { store } = await startDepot();
    const looks = jest.spyOn(store.outbox, 'state');
    await harness.send(Pick, { orderId: 'o-1', line: 1 }, { delay: '23h' });
    await harness.advance('1d');
    expect(depot.lines).toHaveLength(1);
    expect(looks.mock.calls.length).toBeLessThan(30);
  });
});
