import {
  Catch,
  Controller,
  Injectable,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import { call, command } from '@parley/contract';
import type { MemoryTx } from '@parley/memory';
import { Harness } from '@parley/testing';
import { map, of, tap, throwError } from 'rxjs';
import { z } from 'zod';
import type { HandlerContext } from '../message/handler-context';
import { UnrecoverableError } from '../message/failure';
import { Handles } from './handles';

const Letter = z.object({ letter: z.string() });
type Letter = z.infer<typeof Letter>;
const Open = command('registry.open-letter', Letter, { key: 'letter' });
const Burn = command('registry.burn-letter', Letter, { key: 'letter' });
const Draft = command('registry.draft-letter', Letter, { key: 'letter' });
const Weigh = call('registry.weigh-letter', {
  request: Letter,
  reply: z.object({ grams: z.int() }),
});

/** The calls, in their order. */
@Injectable()
class Diary {
  readonly entries: string[] = [];
  failures = 0;
  filtered: unknown;
}

@Injectable()
class Guard implements CanActivate {
  constructor(private readonly diary: Diary) {}
  canActivate(context: ExecutionContext): boolean {
    const { letter } = context.switchToRpc().getData<Letter>();
    this.diary.entries.push(`guard ${context.getType()} ${context.getHandler().name}`);
    return letter !== 'secret';
  }
}

@Injectable()
class Stopwatch implements NestInterceptor {
  constructor(private readonly diary: Diary) {}
  intercept(context: ExecutionContext, next: CallHandler) {
    const { attempt } = context.switchToRpc().getContext<HandlerContext>();
    this.diary.entries.push(`before #${attempt}`);
    return next.handle().pipe(
      tap({
        next: () => this.diary.entries.push('after'),
        error: () => this.diary.entries.push('failed'),
      }),
    );
  }
}

class Upper implements PipeTransform {
  transform(value: unknown) {
    const letter = (value as Partial<Letter>).letter;
    return letter === undefined ? value : { letter: letter.toUpperCase() };
  }
}

class Damp extends Error {}

@Catch(Damp)
@Injectable()
class Reporter implements ExceptionFilter {
  constructor(private readonly diary: Diary) {}
  catch(error: Error, host: ArgumentsHost) {
    this.diary.entries.push(`filter ${host.getType()} ${error.message}`);
    return this.diary.filtered === undefined ? throwError(() => error) : this.diary.filtered;
  }
}

class Guess implements ExceptionFilter {
  catch = () => of({ grams: 1 });
}

@Controller()
@UseGuards(Guard)
@UseInterceptors(Stopwatch)
class LetterController {
  constructor(private readonly diary: Diary) {}

  @UseFilters(Reporter)
  @Handles(Open)
  @UsePipes(Upper)
  async open({ letter }: Letter, { tx }: HandlerContext<MemoryTx>): Promise<void> {
    this.diary.entries.push(`open ${letter}`);
    tx.undo(() => this.diary.entries.push(`closed ${letter}`));
    if (this.diary.failures-- > 0) throw new Damp('too damp');
  }

  @Handles(Burn)
  @UseFilters(Reporter)
  async burn({ letter }: Letter): Promise<void> {
    this.diary.entries.push(`burn ${letter}`);
    if (this.diary.failures-- > 0) throw new Damp('too damp');
  }

  @Handles(Weigh)
  @UseFilters(Guess)
  @UseInterceptors(
    class implements NestInterceptor {
      intercept = (_: unknown, next: CallHandler) =>
        next.handle().pipe(map(({ grams }: { grams: number }) => ({ grams: grams * 2 })));
    },
  )
  async weigh(_letter: Letter): Promise<{ grams: number }> {
    if (this.diary.failures-- > 0) throw new Damp('too damp');
    return { grams: 5 };
  }
}

@Controller()
@UseFilters(Reporter)
class DraftController {
  constructor(private readonly diary: Diary) {}

  @Handles(Draft)
  async draft(_letter: Letter): Promise<void> {
    if (this.diary.failures-- > 0)
      throw this.diary.failures % 2 ? new Damp('too damp') : new Error('out of ink');
  }
}

let harness: Harness;
let diary: Diary;

beforeEach(async () => {
  harness = new Harness();
  diary = new Diary();
  await harness.start('registry', {
    controllers: [LetterController, DraftController],
    providers: [{ provide: Diary, useValue: diary }],
  });
});
afterEach(() => harness.close());

const dead = async () =>
  (await harness.deadLetters()).map(({ failure }) => `${failure.error}: ${failure.message}`);

describe('around a handler', () => {
  it('guard, interceptor and pipe work as in any controller', async () => {
    await harness.send(Open, { letter: 'a' });
    await harness.settled();
    expect(diary.entries).toEqual(['guard rpc open', 'before #1', 'open A', 'after']);
  });

  it('an interceptor may change the reply of a call', async () => {
    expect(await harness.call(Weigh, { letter: 'a' })).toEqual({ grams: 10 });
  });

  it('a guard that refuses is a failure like any other, and the handler does nothing', async () => {
    await harness.send(Open, { letter: 'secret' });
    await harness.settled();
    await harness.advance('71s');
    expect(diary.entries).toEqual(Array(16).fill('guard rpc open'));
    expect(await dead()).toEqual(['RpcException: Forbidden resource']);
  });

  it('an interceptor sees every failure, and the pipeline tries again', async () => {
    diary.failures = 1;
    await harness.send(Open, { letter: 'a' });
    await harness.settled();
    expect(diary.entries.filter((entry) => /before|after|failed|closed/.test(entry))).toEqual([
      'before #1',
      'failed',
      'closed A',
      'before #1',
      'after',
    ]);
  });
});

describe('an exception filter', () => {
  it('of the controller sees what it catches, and only that', async () => {
    diary.failures = 4;
    await harness.send(Draft, { letter: 'a' });
    await harness.settled();
    await harness.advance('1s');
    expect(diary.entries).toEqual(['filter rpc too damp', 'filter rpc too damp']);
    expect(await dead()).toEqual([]);
  });

  it('may answer a call in place of its handler', async () => {
    diary.failures = 1;
    expect(await harness.call(Weigh, { letter: 'a' })).toEqual({ grams: 1 });
  });
});

describe.each([
  ['above @Handles', Open],
  ['below @Handles', Burn],
])('an exception filter %s', (_, contract) => {
  it('sees each failure, and the pipeline tries again', async () => {
    diary.failures = 2;
    await harness.send(contract, { letter: 'a' });
    await harness.settled();
    expect(diary.entries.filter((entry) => entry.startsWith('filter'))).toEqual([
      'filter rpc too damp',
      'filter rpc too damp',
    ]);
    expect(
      diary.entries.filter((entry) => /open|burn/i.test(entry) && !/guard/.test(entry)),
    ).toHaveLength(3);
    expect(await dead()).toEqual([]);
  });

  it('may say what a failure means', async () => {
    diary.failures = Infinity;
    diary.filtered = throwError(() => new UnrecoverableError('wet through'));
    await harness.send(contract, { letter: 'a' });
    await harness.settled();
    expect(await dead()).toEqual(['UnrecoverableError: wet through']);
  });

  it.each<[string, unknown]>([
    ['answers something', of('all is well')],
    ['answers nothing', null],
  ])('does not make it a success when it %s: half the work is rolled back', async (_, filtered) => {
    diary.failures = Infinity;
    diary.filtered = filtered;
    await harness.send(contract, { letter: 'a' });
    await harness.settled();
    await harness.advance('71s');
    expect(await dead()).toEqual(['Damp: too damp']);
  });
});
