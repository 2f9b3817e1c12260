import { Controller } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { type CustomTransportStrategy, MessagePattern, Server, Transport } from '@nestjs/microservices';
import { command } from '@parley/contract';
import { Handles } from '@parley/messaging';
import { isObservable, lastValueFrom } from 'rxjs';
import { z } from 'zod';

/** A strategy that only takes what Nest binds to it. */
class Capture extends Server implements CustomTransportStrategy {
  constructor(id?: Transport) {
    super();
    if (id !== undefined) this.setTransportId(id);
  }

  get patterns(): string[] {
    return [...this.getHandlers().keys()];
  }

  listen(started: () => void): void {
    started();
  }

  async ask(pattern: string): Promise<unknown> {
    const reply: unknown = await this.getHandlerByPattern(pattern)!({}, {});
    return isObservable(reply) ? lastValueFrom(reply) : reply;
  }

  close(): void {}
  override on(): void {}
  override unwrap<T>(): T {
    return undefined as T;
  }
}

async function bound(controller: new () => object, ...strategies: Capture[]): Promise<() => Promise<void>> {
  const app = await NestFactory.create({ module: class App {}, controllers: [controller] }, new FastifyAdapter(), { logger: false });
  for (const strategy of strategies) app.connectMicroservice({ strategy });
  await app.init();
  return () => app.close();
}

describe('stock Nest', () => {
  @Controller()
  class Untagged {
    @MessagePattern('ask')
    ask(): string {
      throw new TypeError('poison');
    }

    @MessagePattern('same')
    one(): string {
      return 'one';
    }

    @MessagePattern('same')
    other(): string {
      return 'other';
    }
  }

  it('binds a handler without a transport to every strategy', async () => {
    const both = [new Capture(Transport.TCP), new Capture(Transport.REDIS)];
    const close = await bound(Untagged, ...both);
    for (const { patterns } of both) expect(patterns).toContain('ask');
    await close();
  });

  it('keeps the last of two handlers of one message, and says nothing', async () => {
    const strategy = new Capture();
    const close = await bound(Untagged, strategy);
    expect(await strategy.ask('same')).toBe('other');
    await close();
  });

  it('hands on an error without its class and its message', async () => {
    const strategy = new Capture();
    const close = await bound(Untagged, strategy);
    await expect(strategy.ask('ask')).rejects.toEqual({ status: 'error', message: 'Internal server error' });
    await close();
  });
});

describe('a handler of Parley', () => {
  const DoThis = command('trap.do-this', z.object({}));

  @Controller()
  class Tagged {
    @Handles(DoThis)
    async on(): Promise<void> {}
  }

  it('is bound to no strategy but that of its kind', async () => {
    const stock = [new Capture(Transport.TCP), new Capture(Transport.RMQ)];
    const close = await bound(Tagged, ...stock);
    expect(stock.map(({ patterns }) => patterns)).toEqual([[], []]);
    await close();
  });
});
