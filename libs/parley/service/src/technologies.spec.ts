import { type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { broadcast } from '@parley/contract';
import { memory } from '@parley/memory';
import { Messaging, Messenger, type Technology } from '@parley/messaging';
import { z } from 'zod';
import { readEnvironment } from './environment';
import { ServiceModule } from './service.module';
import { technologiesFor } from './technologies';

const Whistled = broadcast('referee.whistled', z.object({ minute: z.int() }));

/** A technology of an application, not of the kit. */
const pigeons = (...schemes: string[]): Technology & { readonly opened: string[] } => {
  const opened: string[] = [];
  return {
    name: 'pigeons',
    schemes,
    kinds: ['broadcast'],
    opened,
    open: (url, context) => {
      opened.push(url);
      return memory.open!(url.replace(/^[a-z]+:/, 'memory:'), context);
    },
  };
};

describe('the technologies of a service', () => {
  it("are those of the kit that its URLs name, and the application's own", async () => {
    const own = pigeons('pigeon');
    const urls = { COMMANDS_URL: 'memory://here', BROADCASTS_URL: 'pigeon://loft' };
    expect(await technologiesFor(urls, [own])).toEqual([own, memory]);
  });

  it("are the application's own where the kit has one of the same scheme", async () => {
    const own = pigeons('memory');
    expect(await technologiesFor({ BROADCASTS_URL: 'memory://here' }, [own])).toEqual([own]);
  });

  it('name all schemes that would do, one’s own among them', async () => {
    await expect(
      technologiesFor({ BROADCASTS_URL: 'smoke://hill' }, [pigeons('pigeon', 'dove')]),
    ).rejects.toThrow(/^BROADCASTS_URL: "smoke" names no technology; .*, pigeon:\/\/, dove:\/\/$/);
  });

  it('carry what the service says, handed in to ServiceModule', async () => {
    const own = pigeons('pigeon');
    const environment = readEnvironment({
      BROADCASTS_URL: 'pigeon://loft',
      CALLS_URL: 'memory://here',
      LOG_LEVEL: 'fatal',
    });
    const module = await ServiceModule.forRoot({
      service: 'referee',
      environment,
      technologies: [own],
    });
    let app: INestApplicationContext | undefined;
    try {
      app = await NestFactory.createApplicationContext(module, { logger: false });
      await app.get(Messaging).start();
      await app.get(Messenger).broadcast(Whistled, { minute: 90 });
      expect(own.opened).toEqual(['pigeon://loft']);
    } finally {
      await app?.get(Messaging).close();
      await app?.close();
    }
  });
});
