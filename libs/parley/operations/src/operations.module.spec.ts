import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  type INestApplication,
  Injectable,
  Module,
  VersioningType,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Gate } from '@parley/conformance';
import { command, type Message } from '@parley/contract';
import { memory, MemoryBroker, MemoryStore } from '@parley/memory';
import { Handles, MessagingModule, Messenger, startMessaging } from '@parley/messaging';
import { systemClock } from '@parley/messaging/transport';
import { z } from 'zod';
import { OperationsModule, type OperationsModuleOptions } from './operations.module';

const Book = command('hotel.book', z.object({ room: z.string() }), { key: 'room' });
type Book = Message<typeof Book>;
/** Known, and handled by nobody. */
command('hotel.wake', z.object({ room: z.string() }));

let isFull = true;
const booked = new Gate();

@Controller()
class Desk {
  @Handles(Book, { retry: { immediate: 0, delays: [] } })
  book({ room }: Book): void {
    if (isFull) throw new Error('no room');
    if (room === '12') booked.open();
  }
}

/** Dependencies of the application's guard. */
@Injectable()
class Badges {
  readonly owners: Readonly<Record<string, string>> = { 'badge 7': 'ada' };
}

@Module({ providers: [Badges], exports: [Badges] })
class BadgeModule {}

@Injectable()
class BadgeGuard implements CanActivate {
  constructor(private readonly badges: Badges) {}

  canActivate(context: ExecutionContext): boolean {
    const asked = context
      .switchToHttp()
      .getRequest<{ headers: Record<string, string>; user?: string }>();
    asked.user = this.badges.owners[asked.headers['authorization'] ?? ''];
    return asked.user !== undefined;
  }
}

@Injectable()
class Rooms {
  list = (filter: object) => Promise.resolve([{ room: 12, ...filter }]);
  find = (room: string) => Promise.resolve(room === '12' ? { room: 12 } : undefined);
}

const GUARDED: OperationsModuleOptions = {
  path: 'operations',
  guards: [BadgeGuard],
  imports: [BadgeModule],
  allowedHosts: ['hotel.example'],
  operator: (asked) => ('user' in asked ? String(asked.user) : undefined),
  operations: { rooms: Rooms },
};

const url = `memory://${randomUUID()}`;
let app: INestApplication;
let messenger: Messenger;

async function open(
  options: OperationsModuleOptions,
  configure: (app: INestApplication) => void = () => undefined,
): Promise<void> {
  @Module({
    imports: [
      MessagingModule.forRoot({
        service: 'hotel',
        instance: 'hotel-1',
        build: '1.0.0',
        urls: { commands: url },
        technologies: [memory],
        store: new MemoryStore(systemClock),
        circuitBreaker: false,
        log: () => undefined,
      }),
      OperationsModule.forRoot(options),
    ],
    controllers: [Desk],
    providers: [Rooms],
  })
  class Hotel {}
  app = await NestFactory.create(Hotel, new FastifyAdapter(), {
    logger: false,
    abortOnError: false,
  });
  configure(app);
  await startMessaging(app);
  await app.listen(0, '127.0.0.1');
  messenger = app.get(Messenger);
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** By node:http, which sends the Host that it is told. */
async function ask(path: string, { method = 'GET', headers, body }: Asked = {}) {
  const { port } = app.getHttpServer().address() as { port: number };
  const asked = request({
    host: '127.0.0.1',
    port,
    path,
    method,
    headers: {
      authorization: 'badge 7',
      ...(body && { 'content-type': 'application/json' }),
      ...headers,
    },
  });
  asked.end(body && JSON.stringify(body));
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return {
    status: response.statusCode,
    body: JSON.parse(text) as unknown,
    headers: response.headers,
  };
}

/** The id of the dead letter of a room that could not be booked. */
async function deadLetterOf(room: string): Promise<string> {
  isFull = true;
  await messenger.send(Book, { room });
  for (;;) {
    const { body } = await ask('/operations/dead-letters');
    const { deadLetters } = body as { deadLetters: { id: string; body: string }[] };
    const found = deadLetters.find((letter) => letter.body.includes(room));
    if (found) return found.id;
    await new Promise(setImmediate);
  }
}

describe('operations in an application of its own', () => {
  describe('behind a guard of the application', () => {
    beforeAll(() => open(GUARDED));
    afterAll(async () => {
      await app.close();
      MemoryBroker.forget(url);
    });

    it('are refused by the guard, which has its dependencies', async () => {
      const stranger = { headers: { authorization: 'guess' } };
      expect(await ask('/operations/status', stranger)).toMatchObject({ status: 403 });
      expect(
        await ask('/operations/dead-letters/1/replay', { method: 'POST', ...stranger }),
      ).toMatchObject({ status: 403 });
      expect(await ask('/operations/nothing', stranger)).toMatchObject({ status: 403 });
    });

    it('tell the state of the process', async () => {
      expect(await ask('/operations/status')).toMatchObject({
        status: 200,
        headers: {
          'content-type': 'application/json; charset=utf-8',
          'cache-control': 'no-store',
        },
        body: {
          service: 'hotel',
          instance: 'hotel-1',
          build: '1.0.0',
          phase: 'running',
          handles: { subscriptions: [{ kind: 'command', name: 'hotel' }] },
          intakes: [{ technology: 'memory', kind: 'command', state: 'consuming' }],
        },
      });
      expect(await ask('/operations/backlog')).toMatchObject({ status: 200 });
    });

    it('describe its messages on its technologies as AsyncAPI', async () => {
      const { body } = await ask('/operations/asyncapi');
      expect(body).toMatchObject({
        asyncapi: '3.1.0',
        info: { title: 'hotel' },
        servers: { memory: { protocol: 'memory' } },
        channels: { 'hotel.book': { servers: [{ $ref: '#/servers/memory' }] } },
        operations: {
          'hotel.book.receive': {
            action: 'receive',
            'x-retries': { immediate: 0, delays: [], unfinished: 4 },
          },
        },
      });
    });

    it('list every contract that the process knows, with its handlers here', async () => {
      const { body } = await ask('/operations/contracts');
      const common = { kind: 'command', owner: 'hotel', version: 1 };
      // The kit's trials, loaded here, too, have contracts of other owners.
      expect((body as { owner: string }[]).filter(({ owner }) => owner === 'hotel')).toEqual([
        {
          ...common,
          name: 'hotel.book',
          key: 'room',
          handlers: [expect.objectContaining({ handler: 'Desk.book', subscription: 'hotel' })],
        },
        { ...common, name: 'hotel.wake', handlers: [] },
      ]);
    });

    it('show a dead letter and replay it in the name of the user whom the guard found', async () => {
      const id = await deadLetterOf('12');
      isFull = false;
      const replay = { method: 'POST', headers: { 'x-operator': 'eve' } };
      const body = { reason: 'the guest left' };
      expect(await ask(`/operations/dead-letters/${id}/replay`, { ...replay, body })).toMatchObject(
        { status: 202, body: { replayed: true } },
      );
      expect(await ask('/operations/dead-letters/audit')).toMatchObject({
        body: { entries: [{ who: 'ada', reason: 'the guest left' }] },
      });
      await booked.opened;
    });

    it('read a change without a body, and refuse one with a wrong body', async () => {
      const id = await deadLetterOf('14');
      const path = `/operations/dead-letters/${id}`;
      expect(await ask(`${path}/replay`, { method: 'POST', body: { dryrun: true } })).toMatchObject(
        { status: 400 },
      );
      expect(await ask(`${path}/replay`, { method: 'POST' })).toMatchObject({ status: 202 });
    });

    it('are refused by a foreign host name, and changes to web pages', async () => {
      const foreign = { headers: { host: 'evil.example:3000' } };
      expect(await ask('/operations/status', foreign)).toMatchObject({
        status: 421,
        body: {
          message: 'evil.example is no name of this service; add it to allowedHosts if it is',
        },
      });
      expect(await ask('/operations/status', { headers: { host: 'hotel.example' } })).toMatchObject(
        { status: 200 },
      );
      expect(
        await ask('/operations/dead-letters/1/replay', {
          method: 'POST',
          headers: { origin: 'http://localhost' },
        }),
      ).toMatchObject({ status: 403, body: { message: 'not from a browser; use the console' } });
    });

    it('have the providers that the application names', async () => {
      expect(await ask('/operations/rooms?floor=1')).toMatchObject({
        status: 200,
        body: [{ room: 12, floor: '1' }],
      });
      expect(await ask('/operations/rooms/12')).toMatchObject({ body: { room: 12 } });
      expect(await ask('/operations/rooms/13')).toMatchObject({ status: 404 });
      expect(await ask('/operations/conversations/c-1')).toMatchObject({ status: 404 });
    });

    it.each(['/operations/dead-letters/%00', '/operations/../operations/status'])(
      'read no odd path: %s',
      async (path) => {
        expect([400, 404]).toContain((await ask(path)).status);
      },
    );
  });

  it('are below the prefix of the application, whatever its versions', async () => {
    await open({ ...GUARDED, path: '/internal/operations/' }, (made) =>
      made.setGlobalPrefix('api').enableVersioning({ type: VersioningType.URI }),
    );
    expect(await ask('/api/internal/operations/status')).toMatchObject({ status: 200 });
    expect(await ask('/internal/operations/status')).toMatchObject({ status: 404 });
    await app.close();
    MemoryBroker.forget(url);
  });

  it('are open when the application says so, to hosts that it knows', async () => {
    await open({ path: 'operations', open: true });
    const stranger = { authorization: '' };
    expect(await ask('/operations/status', { headers: stranger })).toMatchObject({ status: 200 });
    expect(
      await ask('/operations/status', { headers: { ...stranger, host: 'hotel.example' } }),
    ).toMatchObject({ status: 421 });
    await app.close();
    MemoryBroker.forget(url);
  });

  it('do not start without a guard', () => {
    expect(() => OperationsModule.forRoot({ path: 'operations' })).toThrow(
      'OperationsModule at /operations has no guard: everybody who reaches it could read and discard messages; give it guards: [YourGuard], or open: true if another protection is there',
    );
    expect(() => OperationsModule.forRoot({ path: 'operations', guards: [] })).toThrow('no guard');
  });

  it.each(['', '/', 'a//b', ':id', '*'])('do not start at the path "%s"', (path) => {
    expect(() => OperationsModule.forRoot({ ...GUARDED, path })).toThrow(
      `OperationsModule cannot be mounted at "${path}"`,
    );
  });
});
