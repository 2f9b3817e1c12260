import { randomUUID } from 'node:crypto';
import { Controller, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { command } from '@parley/contract';
import { memory, MemoryBroker, MemoryStore } from '@parley/memory';
import { z } from 'zod';
import { DeadLetterService } from '../dead-letters/dead-letter-service';
import { Handles } from './handles';
import { Messaging } from '../messaging';
import type { MessagingOptions } from '../messaging-options';
import { MessagingModule } from '../messaging.module';
import { systemClock } from '../clock';

const Job = z.object({ job: z.string() });
const Sweep = command('janitor.sweep-floor', Job, { key: 'job' });
const Polish = command('janitor.polish-floor', Job, { key: 'job' });

@Controller()
class Janitor {
  @Handles(Sweep)
  async sweep() {
    return undefined;
  }
}

const warnings: string[] = [];
let open: (() => Promise<void>) | undefined;
afterEach(async () => {
  await open?.();
  warnings.length = 0;
});

async function start(controllers: Type[], options: Partial<MessagingOptions> = {}) {
  const url = `memory://${randomUUID()}`;
  const store = new MemoryStore(systemClock);
  const log: MessagingOptions['log'] = (level, message) =>
    void (level === 'warn' && warnings.push(message));
  @Module({
    imports: [
      MessagingModule.forRoot({
        service: 'janitor',
        instance: 'janitor-1',
        build: 'test',
        urls: { commands: url },
        technologies: [memory],
        store,
        log,
        ...options,
      }),
    ],
    controllers,
  })
  class App {}
  const app = await NestFactory.create(App, new FastifyAdapter(), {
    logger: false,
    abortOnError: false,
  });
  const messaging = app.get(Messaging);
  messaging.attach(app);
  await messaging.start();
  await app.init();
  await messaging.listen(app);
  open = async () => {
    await messaging.stopConsuming();
    await app.close();
    await messaging.close();
    MemoryBroker.forget(url);
  };
  return { messaging, store };
}

async function letter(store: MemoryStore) {
  for (const giveUp = Date.now() + 10_000; Date.now() < giveUp;) {
    const [found] = await store.lanes.deadLetters.list();
    if (found) return found;
    await new Promise(setImmediate);
  }
  throw new Error('nothing died');
}

describe('a command that its owner does not handle', () => {
  it('is said at start, and kept as a dead letter', async () => {
    const { messaging, store } = await start([Janitor]);
    expect(warnings).toEqual([
      'nothing here handles janitor.polish-floor, although janitor is the owner: what is sent is kept as a dead letter; write @Handles(…), or delete the contract',
    ]);
    await messaging.messenger.send(Polish, { job: 'a' });
    const { id, failure, holds } = await letter(store);
    expect([failure.error, holds]).toEqual(['NoHandlerError', false]);
    const found = await new DeadLetterService(
      store.lanes.deadLetters,
      messaging.registry,
      systemClock,
      messaging.payloads,
      'janitor',
    ).find(id);
    expect(found!.preview).toMatchObject({
      expect: 'dead again',
      why: 'nothing in janitor handles janitor.polish-floor',
    });
    expect(messaging.introspection.handlerInfo().map(({ contract }) => contract)).toEqual([
      Sweep.name,
    ]);
  });

  it('is kept, too, where its owner handles nothing at all', async () => {
    const { messaging, store } = await start([]);
    expect(warnings[0]).toMatch(
      /^nothing here handles janitor\.sweep-floor, janitor\.polish-floor, although/,
    );
    expect((await messaging.introspection.health()).intakes).toMatchObject([
      { kind: 'command', state: 'consuming' },
    ]);
    await messaging.messenger.send(Polish, { job: 'a' });
    expect((await letter(store)).headers.type).toBe(Polish.name);
  });

  it('waits where this process is told to leave it to another one', async () => {
    const { messaging } = await start([], { unhandled: 'leave' });
    expect([warnings, (await messaging.introspection.health()).intakes]).toEqual([[], []]);
  });

  it('is said, but waits, without a store', async () => {
    await start([], { store: undefined });
    expect(warnings[0]).toContain('without a store what is sent waits in its queue');
  });
});
