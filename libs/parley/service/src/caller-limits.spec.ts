import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { Controller, Get, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { call, command } from '@parley/contract';
import { type CallContext, Handles, inConversation, Messenger } from '@parley/messaging';
import { nextHop } from '@parley/messaging/transport';
import { Harness } from '@parley/testing';
import { z } from 'zod';
import { callerLimits } from './caller-limits';
import { answerProblems, ProblemFilter } from './http-problems';

const definition = { request: z.object({}), reply: z.object({}) };
const First = call('front-desk.ask-first', definition);
const Second = call('back-office.ask-second', definition);
const Third = call('archive.ask-third', definition);
const NoteVisit = command('archive.note-visit', z.object({}), { expiresWithCaller: true });

let edgeMessenger: Messenger;
/** The third service: its calls and notes, and the abort reasons of its handler's signals. */
let third: { calls: CallContext[]; told: Promise<unknown>[]; expiries: (string | undefined)[] };

@Controller()
class FrontDesk {
  constructor(private readonly messenger: Messenger) {}

  @Handles(First)
  first() {
    return this.messenger.call(Second, {});
  }
}

@Controller()
class BackOffice {
  constructor(private readonly messenger: Messenger) {}

  @Handles(Second)
  async second() {
    await this.messenger.send(NoteVisit, {});
    return this.messenger.call(Third, {});
  }
}

@Controller()
class Archive {
  @Handles(Third)
  third(_: object, context: CallContext) {
    const { signal } = context;
    const told = new Promise((resolve) =>
      signal.addEventListener('abort', () => resolve(signal.reason)),
    );
    third.calls.push(context);
    third.told.push(told);
    return told.then(() => ({}));
  }

  @Handles(NoteVisit)
  note(_: object, { envelope }: { envelope: { expirytime?: string } }) {
    third.expiries.push(envelope.expirytime);
    return Promise.resolve();
  }
}

@Controller('chain')
class ChainController {
  @Get()
  get() {
    return edgeMessenger.call(First, {});
  }

  @Post()
  post() {
    return edgeMessenger.call(First, {});
  }
}

@Module({ controllers: [ChainController] })
class Edge {}

describe('a client that waits for three services', () => {
  let harness: Harness;
  let app: NestFastifyApplication;
  let outcomes: string[];

  beforeAll(async () => {
    app = await NestFactory.create<NestFastifyApplication>(Edge, new FastifyAdapter(), {
      logger: false,
    });
    answerProblems(app, new ProblemFilter());
    app
      .getHttpAdapter()
      .getInstance()
      .addHook('onRequest', (request, reply, done) => {
        const ids = { correlationId: 'c', traceparent: nextHop(undefined) };
        try {
          inConversation({ ...ids, ...callerLimits(request, reply) }, done);
        } catch (error) {
          done(error as Error);
        }
      });
    await app.listen(0, '127.0.0.1');
  });
  afterAll(() => app.close());

  beforeEach(async () => {
    third = { calls: [], told: [], expiries: [] };
    outcomes = [];
    harness = new Harness({
      observer: {
        answered: ({ contract, outcome }) => outcomes.push(`${contract} ${outcome}`),
      },
    });
    await harness.start('archive', { controllers: [Archive] });
    await harness.start('back-office', { controllers: [BackOffice] });
    await harness.start('front-desk', { controllers: [FrontDesk] });
    edgeMessenger = (await harness.start('edge', {})).get(Messenger);
  });
  afterEach(() => harness.close());

  const url = () => `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}/chain`;
  const asked = async () => {
    while (third.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  };

  it.each(['GET', 'POST'])(
    'for half a second gets its %s answered then; the third service has what is left and stops',
    async (method) => {
      const began = performance.now();
      const asking = fetch(url(), { method, headers: { 'request-timeout': '0.5' } });
      await asked();
      const left = third.calls[0]!.deadline.budget();
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(500 - (performance.now() - began) + 500);
      expect(left).toBeLessThanOrEqual(500);
      const response = await asking;
      expect(response.status).toBe(504);
      expect(await third.told[0]).toMatchObject({ name: 'DeadlineExceededError' });
      while (outcomes.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
      expect(outcomes).toContain('archive.ask-third deadline-exceeded');
      await harness.settled();
      const [expiry] = third.expiries;
      expect(Date.parse(expiry!)).toBeLessThanOrEqual(harness.clock.now() + 500);
    },
  );

  it('and leaves takes all three calls of its GET with it', async () => {
    const { port } = app.getHttpServer().address() as AddressInfo;
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write('GET /chain HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await asked();
    socket.destroy();
    await third.told[0];
    while (outcomes.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(outcomes).toEqual(
      [Third, Second, First].map(({ name }) => `${name} cancelled`).reverse(),
    );
  });

  it.each(['soon', '0', '-1', '1e9', '', '1, 2'])(
    'is told that %j is no Request-Timeout',
    async (text) => {
      const response = await fetch(url(), { headers: { 'request-timeout': text } });
      expect(response.status).toBe(400);
    },
  );
});
