import 'reflect-metadata';
import { command } from '@parley/contract';
import { z } from 'zod';
import { handlerInfo } from './explain';
import { HandlerRegistry } from '../handlers/handler-registry';
import type { HandlerOptions } from '../ports/subscription';

const Sort = command('mailroom.sort-letter', z.object({ letter: z.string() }));

describe('what is told of a handler', () => {
  const retryOf = (options: HandlerOptions) => {
    const registry = new HandlerRegistry('mailroom', 4);
    class Clerk {}
    const extras = { contract: Sort, options, handlerClass: Clerk, method: 'sort' };
    registry.add((() => Promise.resolve()) as never, extras);
    const [subscription] = registry.subscriptions('command');
    const [handler] = subscription!.handlers.values();
    return handlerInfo(handler!, subscription).retry;
  };

  it('names every bound after which a message is dead, the defaults included', () => {
    expect(retryOf({})).toEqual({ immediate: 3, delays: [1_000, 10_000, 60_000], unfinished: 4 });
    expect(retryOf({ retry: { immediate: 0, delays: ['2s'], unfinished: 2 } })).toEqual({
      immediate: 0,
      delays: [2_000],
      unfinished: 2,
    });
  });
});
