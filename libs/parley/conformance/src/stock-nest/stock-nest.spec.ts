import { Controller, Logger, type LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import {
  ClientRMQ,
  ClientTCP,
  type CustomTransportStrategy,
  MessagePattern,
  Server,
  Transport,
} from '@nestjs/microservices';
import { command } from '@parley/contract';
import { Handles } from '@parley/messaging';
import { firstValueFrom, isObservable, lastValueFrom } from 'rxjs';
import { z } from 'zod';
import { Gate } from '../harness/recorder';
import { freePort } from '../harness/free-port';

/** A strategy that only records the handlers that Nest binds to it. */
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

async function bound(
  controller: new () => object,
  ...strategies: Capture[]
): Promise<() => Promise<void>> {
  const app = await NestFactory.create(
    { module: class App {}, controllers: [controller] },
    new FastifyAdapter(),
    { logger: false },
  );
  for (const strategy of strategies) app.connectMicroservice({ strategy });
  await app.init();
  return () => app.close();
}

/** Texts that the code under test writes to Nest's logger. */
function listenToLog(): unknown[] {
  const words: unknown[] = [];
  const receive = (...sent: unknown[]) => void words.push(sent);
  const logger: LoggerService = {
    log: receive,
    warn: receive,
    error: receive,
    fatal: receive,
    debug: receive,
    verbose: receive,
  };
  Logger.overrideLogger(logger);
  return words;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('stock Nest', () => {
  afterEach(() => Logger.overrideLogger(false));

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
    await expect(strategy.ask('ask')).rejects.toEqual({
      status: 'error',
      message: 'Internal server error',
    });
    await close();
  });

  it('says nothing of an emit() that failed while nobody subscribed to it', async () => {
    const port = await freePort();
    for (const sender of [
      new ClientTCP({ host: '127.0.0.1', port }),
      new ClientRMQ({ urls: [`amqp://127.0.0.1:${port}`] }),
    ]) {
      const words = listenToLog();
      sender.emit('do', 1);
      // They wait for the same connection: once the second failure is reported, there was the first
      // one.
      await expect(lastValueFrom(sender.emit('do', 2))).rejects.toBeDefined();
      // An unhandled rejection would fail the test.
      await turn();
      expect(words).toEqual([]);
      await sender.close();
    }
  });

  it('closes before what it handles has ended, and the caller is not told how it ends', async () => {
    const [begun, end] = [new Gate(), new Gate()];
    let ended = false;
    @Controller()
    class Slow {
      @MessagePattern('ask')
      async ask(): Promise<void> {
        begun.open();
        await end.opened;
        ended = true;
      }
    }
    const at = { host: '127.0.0.1', port: await freePort() };
    const app = await NestFactory.createMicroservice(
      { module: class App {}, controllers: [Slow] },
      { transport: Transport.TCP, options: at, logger: false },
    );
    await app.listen();
    const sender = new ClientTCP(at);
    const answer = expect(firstValueFrom(sender.send('ask', 1))).rejects.toThrow(
      'Connection closed',
    );
    await begun.opened;
    await app.close();
    await answer;
    expect(ended).toBe(false);
    end.open();
    await turn();
    expect(ended).toBe(true);
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
