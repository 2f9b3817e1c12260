import { Controller, type INestApplication, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { broadcast, type Broadcast, command } from '@parley/contract';
import { memory } from '@parley/memory';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { Handles } from '../handlers/handles';
import { Messaging } from '../messaging';
import type { MessagingOptions } from '../messaging-options';
import { MessagingModule } from '../messaging.module';
import type { Technology, TransportContext } from '../ports/transport';
import { Routes, type Urls } from './routes';

const Note = z.object({ text: z.string() });
const Usual = broadcast('signs.sign-put-up', Note);
const Special = broadcast('signs.sign-lit', Note);
const Paint = command('signs.paint-sign', Note);
const Other = command('signs.sell-sign', Note);

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

describe('routes', () => {
  let opened: string[];
  const radio = {
    name: 'radio',
    schemes: ['radio', 'radio+tls.v1-x'],
    kinds: ['command', 'broadcast', 'call'],
    open: (url: string) => (opened.push(url), { technology: 'radio', url }),
    openCalls: ({ urlOf, listen }: { urlOf: (owner: string) => string; listen?: object }) => ({
      url: urlOf('signs'),
      listen,
    }),
  } as unknown as Technology;
  const post = {
    name: 'post',
    schemes: ['post'],
    kinds: ['command', 'event', 'call'],
  } as Technology;
  const context = { service: 'signs', instance: 'signs-1' } as TransportContext;
  const routesOf = (urls: Urls) => new Routes(urls, [radio, post], context);

  beforeEach(() => void (opened = []));

  it('have one transport for a URL, whatever is carried there', () => {
    const routes = routesOf({
      commands: 'radio://fm',
      broadcasts: 'radio://fm',
      contracts: { [Special.name]: 'radio://fm', [Paint.name]: 'radio+tls.v1-x://am' },
    });
    expect(opened).toEqual(['radio://fm', 'radio+tls.v1-x://am']);
    expect(routes.all()).toEqual(opened.map((url) => ({ technology: 'radio', url })));
    expect([routes.of(Usual), routes.of(Special), routes.of(Other)]).toEqual(
      Array(3).fill(routes.all()[0]),
    );
    expect(routes.of(Paint)).toBe(routes.all()[1]);
    expect(routes.ofKind('command')).toBe(routes.all()[0]);
  });

  it('tell every transport of a kind, the usual one first, each once', () => {
    const urls = {
      commands: 'radio://fm',
      contracts: {
        [Paint.name]: 'radio://am',
        [Other.name]: 'radio://am',
        [Special.name]: 'radio://lw',
      },
    };
    const routes = routesOf(urls);
    const [fm, am, lw] = routes.all();
    expect(routes.carrying('command')).toEqual([fm, am]);
    expect(routes.carrying('broadcast')).toEqual([lw]);
    expect(routes.carrying('event')).toEqual([]);
    expect(routes.ofKind('broadcast')).toBeUndefined();
  });

  it('open calls where the service itself answers', () => {
    const listen = { host: '127.0.0.1', port: 5020 };
    expect(routesOf({}).calls((owner) => `radio://${owner}`, listen)).toEqual({
      url: 'radio://signs',
      listen,
    });
    expect(routesOf({}).calls(() => 'post://office', undefined)).toBeUndefined();
  });

  it.each<[string, () => unknown, string]>([
    [
      'begins like no scheme',
      () => routesOf({ commands: '1radio://fm' }),
      'COMMANDS_URL: "" names no technology; use one of radio://, radio+tls.v1-x://, post://',
    ],
    [
      'only contains the name of a technology',
      () => routesOf({ commands: 'see radio://fm' }),
      'COMMANDS_URL: "" names no technology',
    ],
    [
      'is of a technology that carries other kinds only',
      () => routesOf({ commands: 'radio://fm', contracts: { [Special.name]: 'post://office' } }),
      'BROADCASTS_URL_SIGNS_SIGN_LIT: post cannot carry broadcasts; use radio:// or radio+tls.v1-x:// or another technology that can',
    ],
    [
      'is of a technology that lacks a part',
      () => routesOf({ commands: 'post://office' }),
      'COMMANDS_URL: post carries no commands',
    ],
    [
      'of calls nothing serves',
      () => routesOf({}).calls(() => 'pigeon://roof', undefined),
      'CALLS_URL: "pigeon" names no technology; use one of radio://, radio+tls.v1-x://, post://',
    ],
    [
      'of calls cannot be read',
      () =>
        routesOf({}).calls((owner) => {
          if (opened.push(owner) > 1) throw new Error(`no address of ${owner}`);
          return 'radio://fm';
        }, undefined),
      'CALLS_URL: no address of signs',
    ],
  ])('are refused when a URL %s, naming its variable', (_, make, message) => {
    expect(make).toThrow(message);
  });

  it('keep the error of a technology that cannot read its URL', () => {
    const cause = new Error('no such station');
    const urlOf = () => {
      if (opened.push('calls') > 1) throw cause;
      return 'radio://fm';
    };
    expect(() => routesOf({}).calls(urlOf, undefined)).toThrow(expect.objectContaining({ cause }));
  });
});
