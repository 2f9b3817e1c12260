import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  type NestInterceptor,
  UseInterceptors,
} from '@nestjs/common';
import { stream } from '@parley/contract';
import { DeadlineExceededError } from '@parley/resilience';
import { Harness } from '@parley/testing';
import { map, Observable, range, Subject } from 'rxjs';
import { z } from 'zod';
import type { StreamContext } from '../../message/handler-context';
import { Handles } from '../../handlers/handles';

const Request = z.object({ n: z.int() });
const definition = { request: Request, item: Request, deadline: '10s' } as const;
const Counted = stream('abacus.count-beads', definition);
const Observed = stream('abacus.observe-beads', definition);
const Empty = stream('abacus.empty-beads', definition);
const Silent = stream('abacus.silent-beads', { ...definition, silence: '100ms' });

class Diary implements NestInterceptor {
  static readonly entries: string[] = [];
  intercept(_: ExecutionContext, next: CallHandler) {
    Diary.entries.push('before');
    return next.handle();
  }
}

let items: Observable<{ n: number }>;
const aborted: unknown[] = [];

@Controller()
class AbacusController {
  @Handles(Counted)
  @UseInterceptors(Diary)
  async *count({ n }: { n: number }) {
    for (let i = 1; i <= n; i++) yield { n: i };
  }

  @Handles(Observed)
  observe() {
    return items;
  }

  @Handles(Empty)
  empty() {
    return undefined as never;
  }

  @Handles(Silent)
  async *silent(_: unknown, { signal }: StreamContext) {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    aborted.push(signal.reason);
    yield { n: 1 };
  }
}

let harness: Harness;
beforeEach(async () => {
  harness = new Harness();
  await harness.start('abacus', { controllers: [AbacusController] });
});
afterEach(() => harness.close());

const numbers = async (contract: typeof Counted, n = 3) => {
  const read: number[] = [];
  for await (const item of harness.stream(contract, { n })) read.push(item.n);
  return read;
};

describe('a stream', () => {
  it('comes from a generator, also behind an interceptor', async () => {
    expect(await numbers(Counted)).toEqual([1, 2, 3]);
    expect(Diary.entries).toEqual(['before']);
  });

  it('comes from an Observable, which is left with the stream', async () => {
    items = range(1, 3).pipe(map((n) => ({ n })));
    expect(await numbers(Observed)).toEqual([1, 2, 3]);
    const subject = new Subject<{ n: number }>();
    items = subject;
    const read = harness.stream(Observed, { n: 1 });
    const first = read.next();
    while (!subject.observed) await new Promise(setImmediate);
    subject.next({ n: 7 });
    expect((await first).value).toEqual({ n: 7 });
    await read.return!();
    while (subject.observed) await new Promise(setImmediate);
  });

  it('fails when an Observable is a thousand items ahead, which it cannot be held back from', async () => {
    items = range(1, 1_001).pipe(map((n) => ({ n })));
    await expect(numbers(Observed)).rejects.toMatchObject({ code: 'unhandled' });
  });

  it('is not what a handler returns that returns nothing', async () => {
    await expect(numbers(Empty)).rejects.toMatchObject({ code: 'unhandled' });
  });

  it('ends at the owner, too, when it is silent for too long', async () => {
    await expect(numbers(Silent)).rejects.toThrow(DeadlineExceededError);
    while (aborted.length === 0) await new Promise(setImmediate);
  });

  it('is not asked for before it is read, and not again after its end', async () => {
    const entries = Diary.entries.length;
    const left = harness.stream(Counted, { n: 1 });
    await left.return!();
    expect(await left.next()).toEqual({ done: true, value: undefined });
    expect(Diary.entries).toHaveLength(entries);
    const read = harness.stream(Counted, { n: 1 });
    expect(await Promise.all([read.next(), read.next(), read.next()])).toEqual([
      { done: false, value: { n: 1 } },
      { done: true, value: undefined },
      { done: true, value: undefined },
    ]);
  });
});
