import { randomUUID } from 'node:crypto';
import { type AddressInfo } from 'node:net';
import { Controller, Get, type INestApplication, Inject, Post, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { freePort, Recorder } from '@parley/conformance';
import { call, command } from '@parley/contract';
import { grpc } from '@parley/grpc';
import { http } from '@parley/http';
import { memory, MemoryStore } from '@parley/memory';
import {
  type CallContext,
  type HandlerContext,
  Handles,
  inConversation,
  Messaging,
  MessagingModule,
  Messenger,
  type Technology,
} from '@parley/messaging';
import { nextHop } from '@parley/messaging/transport';
import { Metrics } from '@parley/observability';
import { tcp } from '@parley/tcp';
import { z } from 'zod';
import { callerLimits } from './caller-limits';
import { answerProblems, ProblemFilter } from './http-problems';

jest.setTimeout(120_000);

const definition = { request: z.object({}), reply: z.object({}) };
const First = call('front-desk.ask-first', definition);
const Second = call('back-office.ask-second', definition);
const Third = call('archive.ask-third', definition);
const NoteVisit = command('archive.note-visit', z.object({}), { expiresWithCaller: true });

/** Given to the handlers of the third service. */
class Watch {
  isAnswering = true;
  /** Milliseconds that were left when its handler began. */
  readonly budgets = new Recorder<number>();
  /** Why its handler was to stop. */
  readonly stopped = new Recorder<string>();
  readonly notes = new Recorder<string | undefined>();
}

@Controller('chain')
class Edge {
  constructor(@Inject(Messenger) private readonly messenger: Messenger) {}

  @Get()
  get() {
    return this.messenger.call(First, {});
  }

  @Post()
  post() {
    return this.messenger.call(First, {});
  }
}

@Controller()
class FrontDesk {
  constructor(@Inject(Messenger) private readonly messenger: Messenger) {}

  @Handles(First)
  first() {
    return this.messenger.call(Second, {});
  }
}

@Controller()
class BackOffice {
  constructor(@Inject(Messenger) private readonly messenger: Messenger) {}

  @Handles(Second)
  async second() {
    await this.messenger.send(NoteVisit, {});
    return this.messenger.call(Third, {});
  }
}

@Controller()
class Archive {
  constructor(@Inject(Watch) private readonly watch: Watch) {}

  @Handles(Third)
  async third(_: object, { deadline, signal }: CallContext) {
    const { budgets, stopped, isAnswering } = this.watch;
    if (isAnswering) return {};
    budgets.note(deadline.budget());
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    stopped.note((signal.reason as Error).name);
    return {};
  }

  @Handles(NoteVisit)
  async note(_: object, { envelope }: HandlerContext) {
    if (!this.watch.isAnswering) this.watch.notes.note(envelope.expirytime);
  }
}

const CHAIN = { archive: Archive, 'back-office': BackOffice, 'front-desk': FrontDesk, edge: Edge };

/** The chain of services, each with a port and metrics of its own. */
class Chain {
  readonly watch = new Watch();
  readonly metrics = new Metrics();
  private readonly apps: INestApplication[] = [];
  private readonly ports = new Map<string, number>();
  private readonly queues = `memory://${randomUUID()}`;
  url!: string;

  constructor(private readonly technology: Technology) {}

  async open(): Promise<void> {
    for (const service of Object.keys(CHAIN)) this.ports.set(service, await freePort());
    for (const [service, controller] of Object.entries(CHAIN))
      await this.start(service, controller);
    // The connections of the chain are there before anybody is in a hurry.
    expect((await fetch(this.url)).status).toBe(200);
    this.watch.isAnswering = false;
  }

  /** Calls of the third service that ended so, by its metric. */
  async counted(outcome: string): Promise<number> {
    const line = new RegExp(
      `^parley_calls_total\\{.*contract="${Third.name}".*outcome="${outcome}".*\\} (\\d+)$`,
      'm',
    );
    return Number(line.exec(await this.metrics.text())?.[1] ?? 0);
  }

  async close(): Promise<void> {
    for (const app of this.apps.splice(0).reverse()) await app.close();
  }

  private async start(service: string, controller: Type): Promise<void> {
    const { technology, queues, ports } = this;
    const messaging = MessagingModule.forRoot({
      service,
      instance: `${service}-1`,
      build: 'test',
      urls: {
        calls: (owner) => `${technology.schemes[0]}://127.0.0.1:${ports.get(owner) ?? 1}`,
        commands: queues,
        broadcasts: queues,
        events: queues,
      },
      listen: { host: '127.0.0.1', port: ports.get(service)! },
      technologies: [technology, memory],
      store: new MemoryStore(),
      observer: service === 'archive' ? this.metrics.observer : undefined,
      log: () => undefined,
    });
    const module = {
      module: class ServiceInTheChain {},
      imports: [messaging],
      controllers: [controller],
      providers: [{ provide: Watch, useValue: this.watch }],
    };
    const app = await NestFactory.create<NestFastifyApplication>(module, new FastifyAdapter(), {
      logger: false,
      abortOnError: false,
    });
    this.apps.push(app);
    const running = app.get(Messaging);
    running.attach(app);
    await running.start();
    if (service === 'edge') bound(app);
    await app.init();
    await running.listen(app);
    if (service !== 'edge') return;
    await app.listen(0, '127.0.0.1');
    this.url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}/chain`;
  }
}

/** Bounds every request by its client, as an edge of the kit does. */
function bound(app: NestFastifyApplication): void {
  answerProblems(app, new ProblemFilter());
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', (request, reply, done) => {
      const ids = { correlationId: randomUUID(), traceparent: nextHop(undefined) };
      inConversation({ ...ids, ...callerLimits(request, reply) }, done);
    });
}

describe.each([grpc, http, tcp].map((technology) => [technology.name, technology] as const))(
  'a client that waits for three services, over %s,',
  (_, technology) => {
    let chain: Chain;
    beforeEach(async () => {
      chain = new Chain(technology);
      await chain.open();
    });
    afterEach(() => chain.close());

    /** A request of half a second that came as far as the third service, which a busy machine may make impossible. */
    const halfASecond = async (method: string): Promise<Response> => {
      for (;;) {
        const response = await fetch(chain.url, { method, headers: { 'request-timeout': '0.5' } });
        if (chain.watch.budgets.entries.length > 0) return response;
      }
    };

    it.each(['GET', 'POST'])(
      'for half a second gets its %s answered then: the third one sees what is left, stops, and counts it; a command on the way carries the expiry',
      async (method) => {
        const asked = Date.now();
        expect((await halfASecond(method)).status).toBe(504);
        const [left] = await chain.watch.budgets.reach(1);
        expect(left).toBeGreaterThan(0);
        expect(left).toBeLessThanOrEqual(500);
        expect(await chain.watch.stopped.reach(1)).toEqual(['DeadlineExceededError']);
        const [expiry] = await chain.watch.notes.reach(1);
        expect(Date.parse(expiry!)).toBeGreaterThan(asked);
        expect(Date.parse(expiry!)).toBeLessThanOrEqual(Date.now() + 500);
        await chain.close();
        expect(await chain.counted('deadline-exceeded')).toBe(chain.watch.budgets.entries.length);
      },
    );

    it('and leaves, stops the third one, which counts it', async () => {
      const leaving = new AbortController();
      const asking = fetch(chain.url, { signal: leaving.signal });
      await chain.watch.budgets.reach(1);
      leaving.abort(new Error('enough'));
      await expect(asking).rejects.toThrow('enough');
      await chain.watch.stopped.reach(1);
      await chain.close();
      expect(await chain.counted('cancelled')).toBe(1);
    });
  },
);
