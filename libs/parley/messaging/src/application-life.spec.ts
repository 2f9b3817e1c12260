import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { Controller, type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Gate } from '@parley/conformance';
import { command, type Message } from '@parley/contract';
import { memory, MemoryBroker, MemoryStore } from '@parley/memory';
import { z } from 'zod';
import { type ApplicationOptions, startMessaging } from './application-life';
import { systemClock } from './clock';
import { Handles } from './handlers/handles';
import { MessagingModule } from './messaging.module';
import { Messenger } from './sending/messenger';

const Bake = command('bakery.bake', z.object({ bread: z.string() }));
type Bake = Message<typeof Bake>;

/** Enough for an application that closes although a handler runs. */
const A_CLOSE_THAT_DOES_NOT_WAIT_MS = 200;

/** Lets a test wait for a handler, and the handler for the test. */
class Oven {
  readonly begun = new Gate();
  readonly door = new Gate();
  readonly baked: string[] = [];
}

let oven: Oven;

@Controller()
class Baker {
  @Handles(Bake)
  async bake({ bread }: Bake): Promise<void> {
    oven.begun.open();
    await oven.door.opened;
    oven.baked.push(bread);
  }
}

const warnings: string[] = [];
const url = `memory://${randomUUID()}`;

/** As a database that does not answer any more: work on it neither ends nor fails. */
class FrozenStore extends MemoryStore {
  override close(): Promise<void> {
    return new Promise(() => undefined);
  }
}

/** As a database whose pool has no limits. */
class RiskyStore extends MemoryStore {
  readonly cautions = ['the pool has no limits'];
}

async function bakery(
  options?: ApplicationOptions,
  store = new MemoryStore(systemClock),
): Promise<INestApplication> {
  @Module({
    imports: [
      MessagingModule.forRoot({
        service: 'bakery',
        instance: 'bakery-1',
        build: 'test',
        urls: { commands: url },
        technologies: [memory],
        store,
        log: (level, message) => void (level === 'warn' && warnings.push(message)),
      }),
    ],
    controllers: [Baker],
  })
  class App {}
  const app = await NestFactory.create(App, new FastifyAdapter(), {
    logger: false,
    abortOnError: false,
  });
  await startMessaging(app, options);
  return app;
}

describe('messages in the life of an application', () => {
  beforeEach(() => {
    oven = new Oven();
    warnings.length = 0;
  });
  afterEach(() => MemoryBroker.forget(url));

  it('are handled once it is started', async () => {
    const app = await bakery();
    oven.door.open();
    await app.get(Messenger).send(Bake, { bread: 'rye' });
    await oven.begun.opened;
    await app.close();
    expect(oven.baked).toEqual(['rye']);
  });

  it('are handled to their end before it closes, and no others are begun', async () => {
    const app = await bakery();
    await app.get(Messenger).send(Bake, { bread: 'rye' });
    await oven.begun.opened;
    const closed = app.close().then(() => oven.baked.push('closed'));
    await app.get(Messenger).send(Bake, { bread: 'oat' });
    await setTimeout(A_CLOSE_THAT_DOES_NOT_WAIT_MS);
    oven.door.open();
    await closed;
    expect(oven.baked).toEqual(['rye', 'closed']);
    expect(warnings).toEqual([]);
  });

  it('do not keep it from closing: what does not end in time is given back', async () => {
    const app = await bakery({ drainTimeout: '50ms' });
    await app.get(Messenger).send(Bake, { bread: 'rye' });
    await oven.begun.opened;
    await app.close();
    expect(oven.baked).toEqual([]);
    expect(warnings).toContain(
      'drain: finishing what is under way: not everything ended within 50 ms (drainTimeout); messages will be delivered again',
    );
    oven.door.open();
  });

  it('do not keep it from closing when a technology or the store hangs', async () => {
    const app = await bakery({}, new FrozenStore(systemClock));
    await app.close();
    expect(warnings).toEqual(['drain: closing the technologies: did not end within 1000 ms']);
  });

  it('begin with a warning of what is risky about the store', async () => {
    const app = await bakery({}, new RiskyStore(systemClock));
    expect(warnings).toEqual(['the pool has no limits']);
    await app.close();
  });
});
