import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { DynamicModule, Provider } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { currentConversation, Messenger } from '@parley/messaging';
import { DeadlineExceededError, startTimer } from '@parley/resilience';
import { answerProblems, ProblemFilter } from '@parley/service';
import { Harness } from '@parley/testing';
import { startCatalog } from '../../catalog/src/catalog.fixture';
import { startOrders } from '../../orders/src/orders.fixture';
import { AppModule } from './app.module';
import { Authentication } from './authentication';
import { BroadcastsController } from './broadcasts.controller';
import { edge } from './edge';
import { GraphqlSettings } from './graphql/settings';
import { openToOrigins, PageOrigins } from './limits/cross-origin';
import { type Limit, RateLimits, type RequestKind } from './limits/rate-limits';
import { type StreamLimits, Streams } from './limits/streams';
import { OrderFeed } from './order-feed';
import { Prices } from './prices';

/** A call of the edge, by the contract's name. */
interface Asked {
  readonly contract: string;
  readonly request: unknown;
  readonly reply: Promise<unknown>;
}

interface Route {
  readonly method: string;
  /** `/orders/:id` */
  readonly path: string;
}

interface EdgeSettings {
  /** Without limits, unless given. */
  readonly limits?: Partial<Record<RequestKind, Limit>>;
  readonly streams?: Partial<StreamLimits>;
  readonly trustedProxies?: readonly string[];
  readonly origins?: readonly string[];
}

/** The edge on a port of its own, with orders and catalog behind it, in memory. */
export class EdgeOnTrial {
  readonly asked: Asked[] = [];
  /** The routes of the router. */
  readonly routes: Route[] = [];
  readonly harness = new Harness();
  private app!: NestFastifyApplication;

  /** While set, calls wait for it, for their signal or for the deadline of their request. */
  holding?: Promise<void>;

  private constructor(private readonly settings: EdgeSettings) {}

  /** @param authentication open, unless given */
  static async start(
    authentication?: Authentication,
    graphql = new GraphqlSettings(),
    settings: EdgeSettings = {},
  ): Promise<EdgeOnTrial> {
    const trial = new EdgeOnTrial(settings);
    await startCatalog(trial.harness);
    await startOrders(trial.harness);
    await trial.open([
      { provide: Authentication, useValue: authentication ?? new Authentication() },
      { provide: GraphqlSettings, useValue: graphql },
    ]);
    return trial;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get server(): Server {
    return this.app.getHttpServer();
  }

  get prices(): Prices {
    return this.app.get(Prices);
  }

  get streams(): Streams {
    return this.app.get(Streams);
  }

  get feed(): OrderFeed {
    return this.app.get(OrderFeed);
  }

  /** Writes bytes as they are, ends, and reads until the other side closes. */
  async raw(bytes: string): Promise<string> {
    const socket = connect(this.port, '127.0.0.1');
    let received = '';
    socket.setEncoding('utf8').on('data', (text: string) => (received += text));
    socket.write(bytes);
    await once(socket, 'close');
    return received;
  }

  /** Goes away in the middle of a request. */
  async breakOff(bytes: string): Promise<void> {
    const socket = connect(this.port, '127.0.0.1');
    await once(socket, 'connect');
    await new Promise((written) => socket.write(bytes, written));
    socket.resetAndDestroy();
    await once(socket, 'close');
  }

  async close(): Promise<void> {
    this.app.getHttpServer().closeAllConnections();
    await this.app.close();
    await this.harness.close();
  }

  private async open(replaced: Provider[]): Promise<void> {
    const { controllers, providers } = partsOf(AppModule);
    const { limits = {}, streams = {}, trustedProxies = [], origins = [] } = this.settings;
    const rateLimits = new RateLimits({ reads: null, writes: null, ...limits });
    const own = [
      ...providers,
      ...replaced,
      { provide: RateLimits, useValue: rateLimits },
      { provide: PageOrigins, useValue: new PageOrigins(origins) },
      {
        provide: Streams,
        useValue: new Streams({ perClient: Infinity, inTotal: Infinity, ...streams }),
      },
    ];
    const module = {
      module: class EdgeUnderTest {},
      controllers,
      providers: own,
      imports: [this.messaging()],
    };
    this.app = await NestFactory.create<NestFastifyApplication>(
      module,
      new FastifyAdapter({
        ...edge.fastify,
        bodyLimit: edge.bodyLimit,
        trustProxy: [...trustedProxies],
      }),
      { logger: false, abortOnError: false },
    );
    this.app
      .getHttpAdapter()
      .getInstance()
      .addHook('onRoute', ({ method, url: path }) => {
        for (const one of [method].flat()) this.routes.push({ method: one, path });
      });
    answerProblems(this.app, new ProblemFilter(edge));
    edge.configure(this.app);
    openToOrigins(this.app);
    await this.app.listen(0, '127.0.0.1');
    const received = [OrderFeed, Prices].map((part) => ({
      provide: part,
      useValue: this.app.get<object>(part),
    }));
    await this.harness.start('gateway', {
      controllers: [BroadcastsController],
      providers: received,
    });
  }

  private messaging(): DynamicModule {
    const call = (
      contract: { name: string },
      request: unknown,
      { signal }: { signal?: AbortSignal } = {},
    ) => {
      const answered = async (): Promise<unknown> => {
        if (this.holding) await Promise.race([this.holding, reasonOf(signal), deadlineOf()]);
        return this.harness.call(contract as never, request as never);
      };
      const reply = answered();
      this.asked.push({ contract: contract.name, request, reply });
      return reply;
    };
    const stream = (contract: { name: string }, request: unknown) => {
      const items = this.harness.stream(contract as never, request as never);
      this.asked.push({ contract: contract.name, request, reply: Promise.resolve() });
      return this.holding ? heldBack(this.holding, items) : items;
    };
    return {
      module: class {},
      global: true,
      providers: [{ provide: Messenger, useValue: { call, stream } }],
      exports: [Messenger],
    };
  }
}

async function* heldBack(holding: Promise<void>, items: AsyncIterable<unknown>) {
  await Promise.race([holding, reasonOf(currentConversation()?.signal), deadlineOf()]);
  yield* items;
}

const reasonOf = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_, reject) =>
    signal?.addEventListener('abort', () => reject(signal.reason as Error)),
  );

/** Rejects at the deadline of the request, as calls do. */
const deadlineOf = (budget = currentConversation()?.deadline?.budget()): Promise<never> =>
  new Promise((_, reject) => {
    if (budget !== undefined)
      startTimer(budget, () => reject(new DeadlineExceededError('a call', budget)), { ref: false });
  });

/** All of a module but its imports. */
const partsOf = (module: object) => ({
  controllers: Reflect.getMetadata('controllers', module) as [],
  providers: Reflect.getMetadata('providers', module) as [],
});

export interface ServerSentEvent {
  readonly id?: string;
  readonly type?: string;
  readonly data: { readonly number?: number; readonly what?: string; readonly status?: string };
}

/** A reader of server-sent events. */
export class EventReader {
  private readonly leaving = new AbortController();
  private events!: AsyncGenerator<ServerSentEvent, void>;
  response!: Response;

  static async open(
    url: string,
    last?: string,
    others: Record<string, string> = {},
  ): Promise<EventReader> {
    const reader = new EventReader();
    const headers = {
      accept: 'text/event-stream',
      ...(last === undefined ? {} : { 'last-event-id': last }),
      ...others,
    };
    reader.response = await fetch(url, { headers, signal: reader.leaving.signal });
    reader.events = eventsIn(reader.response.body!);
    return reader;
  }

  /** The next ones, fewer when the stream ends before. */
  async next(count: number): Promise<ServerSentEvent[]> {
    const events: ServerSentEvent[] = [];
    while (events.length < count) {
      const { done, value } = await this.events.next();
      if (done) break;
      events.push(value);
    }
    return events;
  }

  leave(): void {
    this.leaving.abort();
  }
}

async function* eventsIn(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent, void> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const bytes of body) {
    text += decoder.decode(bytes, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop()!;
    for (const block of blocks) {
      const fields = Object.fromEntries(
        block
          .split('\n')
          .filter(Boolean)
          .map((line) => [
            line.slice(0, line.indexOf(':')),
            line.slice(line.indexOf(':') + 1).trim(),
          ]),
      );
      if (fields['data'] !== undefined)
        yield {
          id: fields['id'],
          type: fields['event'],
          data: JSON.parse(fields['data']) as ServerSentEvent['data'],
        };
    }
  }
}
