import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { Controller, type INestApplication, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { command, type Message } from '@parley/contract';
import { memory, MemoryBroker, MemoryStore } from '@parley/memory';
import { z } from 'zod';
import { startMessaging } from './application-life';
import { systemClock } from './clock';
import { Handles } from './handlers/handles';
import { UnrecoverableError } from './message/failure';
import { Messaging } from './messaging';
import { MessagingModule } from './messaging.module';
import type { DeadLetter } from './ports/dead-letters';
import { Messenger } from './sending/messenger';

const Ring = command('porter.ring-bell', z.object({ bell: z.string() }));
type Ring = Message<typeof Ring>;

const url = `memory://${randomUUID()}`;

@Controller()
class Porter {
  @Handles(Ring)
  async ring({ bell }: Ring): Promise<void> {
    throw new UnrecoverableError(`the ${bell} bell is broken`);
  }
}

@Module({
  imports: [
    MessagingModule.forRoot({
      service: 'porter',
      urls: { commands: url },
      technologies: [memory],
      store: new MemoryStore(systemClock),
    }),
  ],
  controllers: [Porter],
})
class App {}

describe('an application that leaves out what has a default', () => {
  const errors: string[] = [];
  let app: INestApplication;

  const deadLetters = async (): Promise<readonly DeadLetter[]> =>
    (await app.get(Messaging).deadLetters?.list({ limit: 1 })) ?? [];

  beforeAll(async () => {
    const log = (): void => undefined;
    const error = (...parts: unknown[]): void => void errors.push(parts.filter(Boolean).join(' '));
    app = await NestFactory.create(App, new FastifyAdapter(), {
      logger: { log, warn: log, error },
      abortOnError: false,
    });
    await startMessaging(app);
  });

  afterAll(async () => {
    await app.close();
    MemoryBroker.forget(url);
    Logger.overrideLogger(false);
  });

  it('has an instance named after the machine and the process, and logs to the logger of Nest', async () => {
    await app.get(Messenger).send(Ring, { bell: 'dinner' });
    let letters = await deadLetters();
    while (letters.length === 0) {
      await setTimeout(10);
      letters = await deadLetters();
    }
    expect(letters[0]?.headers).toMatchObject({
      producerinstance: `${hostname()}-${process.pid}`,
      producerbuild: 'development',
    });
    expect(errors).toEqual([
      'porter.ring-bell is dead in porter: the dinner bell is broken Parley',
    ]);
  });
});
