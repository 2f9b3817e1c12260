import { Controller, type INestApplication, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { broadcast, type Broadcast } from '@parley/contract';
import { memory } from '@parley/memory';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { Handles } from '../handlers/handles';
import { Messaging } from '../messaging';
import type { MessagingOptions } from '../messaging-options';
import { MessagingModule } from '../messaging.module';

const Note = z.object({ text: z.string() });
const Usual = broadcast('signs.sign-put-up', Note);
const Special = broadcast('signs.sign-lit', Note);

/** Received broadcasts; a test can wait for a number of them. */
class Received {
  readonly notes: string[] = [];
  private reported = () => {};
  note = (text: string): void => (this.notes.push(text), this.reported());
  async reach(count: number): Promise<readonly string[]> {
    while (this.notes.length < count)
      await new Promise<void>((resolve) => (this.reported = resolve));
    return this.notes;
  }
}

describe('a contract with a URL of its own', () => {
  const apps: INestApplication[] = [];
  let [usual, special] = ['', ''];
  let received: Received;

  beforeEach(() => {
    [usual, special] = [`memory://${randomUUID()}`, `memory://${randomUUID()}`];
    received = new Received();
  });
  afterEach(async () => {
    for (const app of apps.splice(0)) {
      await app.close();
      await app.get(Messaging).close();
    }
  });

  async function start(
    urls: MessagingOptions['urls'],
    contracts: readonly Broadcast<{ text: string }>[] = [],
  ): Promise<Messaging> {
    const options = {
      service: 'signs',
      instance: randomUUID(),
      build: 'test',
      urls,
      technologies: [memory],
      log: () => {},
    };
    @Module({ imports: [MessagingModule.forRoot(options)], controllers: contracts.map(hearing) })
    class ServiceModule {}
    const app = await NestFactory.create(ServiceModule, new FastifyAdapter(), {
      logger: false,
      abortOnError: false,
    });
    const messaging = app.get(Messaging);
    messaging.attach(app);
    await messaging.start();
    await app.init();
    await messaging.listen(app);
    apps.push(app);
    return messaging;
  }

  function hearing(contract: Broadcast<{ text: string }>): Type {
    @Controller()
    class HearingController {
      @Handles(contract)
      receive({ text }: { text: string }) {
        received.note(text);
      }
    }
    return HearingController;
  }

  it('is carried by that URL, the rest of its kind by the usual one', async () => {
    await start({ broadcasts: usual, contracts: { [Special.name]: special } }, [Usual, Special]);
    const both = await start({ broadcasts: usual, contracts: { [Special.name]: special } });
    const usualOnly = await start({ broadcasts: usual });
    await both.messenger.broadcast(Usual, { text: 'usual' });
    await both.messenger.broadcast(Special, { text: 'special' });
    await usualOnly.messenger.broadcast(Special, { text: 'in the wrong place' });
    await usualOnly.messenger.broadcast(Usual, { text: 'usual, too' });
    expect([...(await received.reach(3))].sort()).toEqual(['special', 'usual', 'usual, too']);
    expect([
      both.introspection.explain(Usual)?.address,
      both.introspection.explain(Special)?.address,
    ]).toEqual([usual, special]);
  });

  it('needs no URL for the rest of its kind', async () => {
    const messaging = await start({ contracts: { [Special.name]: special } }, [Special]);
    await messaging.messenger.broadcast(Special, { text: 'special' });
    expect(await received.reach(1)).toEqual(['special']);
    expect((await messaging.introspection.health()).intakes).toEqual([
      expect.objectContaining({ kind: 'broadcast', state: 'consuming' }),
    ]);
    await expect(start({ contracts: { [Special.name]: special } }, [Usual])).rejects.toThrow(
      'signs.sign-put-up is handled here, but nothing carries broadcasts; set BROADCASTS_URL',
    );
  });

  it('is refused at start when no technology serves its URL, naming the variable', async () => {
    await expect(start({ contracts: { [Special.name]: 'radio://fm' } })).rejects.toThrow(
      'BROADCASTS_URL_SIGNS_SIGN_LIT: "radio" names no technology; use one of memory://',
    );
    await expect(start({ contracts: { 'signs.unheard-of': special } })).rejects.toThrow(
      'signs.unheard-of is not among the contracts this process has loaded',
    );
  });
});
