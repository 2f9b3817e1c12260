import { Controller } from '@nestjs/common';
import { command, type Message } from '@parley/contract';
import type { MemoryTx } from '@parley/memory';
import { Harness, type TestService } from '@parley/testing';
import { z } from 'zod';
import type { HandlerContext } from '../message/handler-context';
import { Handles } from '../handlers/handles';
import { Messaging } from '../messaging';

const Order = z.object({ customer: z.string(), order: z.int() });
const Bill = command('counter.bill-order', Order, { key: 'customer' });
const Print = command('counter.print-order', Order);
type Order = Message<typeof Bill>;

/** The dependency of the handlers, and its state. */
class Bank {
  open = true;
  asked = 0;
  readonly refuses = new Set<number>();
  readonly billed: string[] = [];

  bill({ customer, order }: Order, tx: MemoryTx): void {
    this.asked++;
    if (!this.open) throw new Error('the bank is closed');
    if (this.refuses.has(order)) throw new Error('the bank knows no such order');
    this.billed.push(`${customer}-${order}`);
    tx.undo(() => this.billed.pop());
  }
}

@Controller()
class CounterController {
  constructor(private readonly bank: Bank) {}

  @Handles(Bill)
  bill(order: Order, { tx }: HandlerContext<MemoryTx>): void {
    this.bank.bill(order, tx);
  }

  @Handles(Print)
  print(order: Order, { tx }: HandlerContext<MemoryTx>): void {
    this.bank.bill(order, tx);
  }
}

describe.each([
  ['with a key', Bill],
  ['without a key', Print],
])('a subscription that pauses, its messages %s', (_, contract) => {
  let harness: Harness;
  let counter: TestService;
  let bank: Bank;

  const send = async (from: number, to: number) => {
    for (let order = from; order < to; order++)
      await harness.send(contract, { customer: `c${order % 40}`, order });
  };

  const start = async (circuitBreaker: object | false = {}) => {
    bank = new Bank();
    harness = new Harness({ circuitBreaker });
    counter = await harness.start('counter', {
      controllers: [CounterController],
      providers: [{ provide: Bank, useValue: bank }],
    });
  };

  afterEach(() => harness.close());

  it('loses nothing and makes no dead letters while what it needs is down, and asks it seldom', async () => {
    await start();
    bank.open = false;
    await send(0, 80);
    await harness.advance('90s');
    expect(await harness.deadLetters()).toEqual([]);
    expect(bank.asked).toBeLessThan(50);
    bank.open = true;
    await harness.advance('40s');
    expect(bank.billed).toHaveLength(80);
    expect(new Set(bank.billed).size).toBe(80);
    for (let lane = 0; lane < 40 && contract === Bill; lane++) {
      const orders = bank.billed
        .filter((one) => one.startsWith(`c${lane}-`))
        .map((one) => Number(one.split('-')[1]));
      expect(orders).toEqual([...orders].sort((a, b) => a - b));
    }
  }, 20_000);

  it('would have made dead letters without', async () => {
    await start(false);
    bank.open = false;
    await send(0, 40);
    await harness.advance('80s');
    expect(await harness.deadLetters()).toHaveLength(40);
  }, 20_000);

  it('is shown as paused with the reason, then as consuming', async () => {
    await start();
    bank.open = false;
    await send(0, 40);
    await harness.advance('500ms');
    const { intakes, paused } = await counter.get(Messaging).introspection.health();
    expect(intakes).toEqual([
      expect.objectContaining({
        kind: 'command',
        state: 'paused',
        reason: expect.stringMatching(
          /^counter: \d+ of \d+ handlings failed within 10s, .*the bank is closed/,
        ),
      }),
    ]);
    expect(paused).toEqual([expect.objectContaining({ kind: 'command', subscription: 'counter' })]);
    bank.open = true;
    await harness.advance('1s');
    expect((await counter.get(Messaging).introspection.health()).intakes).toMatchObject([
      { state: 'consuming' },
    ]);
  }, 20_000);

  it('still buries what only fails by itself', async () => {
    await start();
    for (const order of [3, 60, 110]) bank.refuses.add(order);
    await send(0, 120);
    await harness.advance('80s');
    expect((await harness.deadLetters()).length).toBe(3);
  }, 20_000);

  it('stops at once, giving back what it holds', async () => {
    await start();
    bank.open = false;
    await send(0, 40);
    const drained = jest.spyOn(counter.get(Messaging), 'drained');
    await counter.stop();
    await expect(drained.mock.results[0]?.value).resolves.toBe(true);
    bank.open = true;
    await harness.start('counter', {
      controllers: [CounterController],
      providers: [{ provide: Bank, useValue: bank }],
    });
    await harness.advance('1s');
    expect(new Set(bank.billed).size).toBe(40);
  }, 20_000);
});
