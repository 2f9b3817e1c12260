import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js';
import { call, type Call } from '@parley/contract';
import { ReplyLostError, OwnerUnavailableError } from '@parley/messaging';
import {
  CallerGoneError,
  Envelopes,
  HandlerRegistry,
  ServerStoppedError,
  systemClock,
  type CallResult,
  type HandleCall,
  type IncomingCall,
  type OutgoingCall,
  type TransportContext,
} from '@parley/messaging/transport';
import { Deadline, DeadlineExceeded } from '@parley/resilience';
import { z } from 'zod';
import { CallClient } from '../../../messaging/src/calls/call-client';
import { GrpcCallTransport } from './client';
import { GrpcConnection } from './connection';
import { grpc } from './grpc';
import { GrpcCallServer } from './server';

const Ask = call('catalog.quote-price', {
  request: z.object({ n: z.number() }),
  reply: z.object({ n: z.number() }),
});
const Read = call('catalog.read-price', {
  request: z.object({ n: z.number() }),
  reply: z.object({ n: z.number() }),
  idempotent: true,
});
const Unanswered = call('catalog.never-bound', { request: z.object({}), reply: z.object({}) });
const context: TransportContext = {
  service: 'orders',
  instance: 'orders-1',
  clock: systemClock,
  log: () => {},
};
const echo: HandleCall = async ({ body }) => ({ ok: true, body });

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  jest.restoreAllMocks();
  for (const one of open.splice(0).reverse()) await one.close();
});

async function serve(answer: HandleCall, port = 0, host = '127.0.0.1'): Promise<GrpcCallServer> {
  const server = new GrpcCallServer({ host, port }, new HandlerRegistry('catalog'), answer);
  for (const contract of [Ask, Read])
    server.addHandler(contract.name, (async () => {}) as never, false, {
      contract,
      options: {},
      handlerClass: class Prices {},
      method: 'quote',
    });
  await new Promise<void>(
    (resolve, reject) => void server.listen((error) => (error ? reject(error) : resolve())),
  );
  open.push(server);
  return server;
}

function transportTo(...servers: { port: number }[]): GrpcCallTransport {
  const url = `grpc://${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
  const transport = grpc.openCalls!({ urlOf: () => url }, context) as GrpcCallTransport;
  open.push(transport);
  return transport;
}

/** A deadline that even a busy machine keeps, for tests of other things than deadlines. */
const NO_HURRY = 60_000;

function asking(
  body: string | Buffer = '{}',
  options: Partial<OutgoingCall> & { within?: number; contract?: Call } = {},
): OutgoingCall {
  return {
    contract: Ask,
    headers: {},
    body: Buffer.from(body),
    deadline: Deadline.within(options.within ?? NO_HURRY),
    ...options,
  };
}

async function reply(transport: GrpcCallTransport, request = asking()): Promise<string> {
  const answer = await transport.call(request);
  return answer.ok ? answer.body.toString() : `fault: ${answer.fault.code}`;
}

/** A promise and the function that settles it, for handlers that wait for the test. */
function gate<T = void>() {
  let settle!: (value: T) => void;
  const opened = new Promise<T>((resolve) => (settle = resolve));
  return { opened, open: settle };
}

/** An answerer that waits for the signal and answers why it was aborted, or for `reply`. */
function waiting() {
  const begun = gate<IncomingCall>();
  const aborted = gate<unknown>();
  const replied = gate<CallResult>();
  const answer: HandleCall = (incoming) =>
    new Promise((resolve) => {
      void replied.opened.then(resolve);
      begun.open(incoming);
      incoming.signal.addEventListener('abort', () => {
        aborted.open(incoming.signal.reason);
        resolve({ ok: false, fault: { code: 'cancelled', message: 'aborted' } });
      });
    });
  return { answer, begun: begun.opened, aborted: aborted.opened, reply: replied.open };
}

const foreign = (port: number): Client => {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  open.push({ close: async () => client.close() });
  return client;
};
const foreignCall = (client: Client, path: string) =>
  new Promise<ServiceError | null>((resolve) => {
    const same = (bytes: Buffer) => bytes;
    client.makeUnaryRequest(path, same, same, Buffer.from('{}'), (error) => resolve(error));
  });

describe('a call by gRPC', () => {
  it('is answered with the reply, and its headers arrive as they were sent', async () => {
    const received = gate<IncomingCall>();
    const transport = transportTo(
      await serve(async (incoming) => (received.open(incoming), echo(incoming))),
    );
    const headers = {
      id: '1',
      type: Ask.name,
      partitionkey: ' Zürich "100%" \u0000\n🚀 ',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    };
    expect(await reply(transport, asking('{"n":1}', { headers }))).toBe('{"n":1}');
    expect((await received.opened).headers).toEqual(headers);
    expect((await received.opened).contract).toBe('catalog.quote-price');
  });

  it('is answered when the handler says nothing', async () => {
    const transport = transportTo(await serve(async () => ({ ok: true, body: Buffer.alloc(0) })));
    expect(await reply(transport)).toBe('');
  });

  it.each([
    ['out-of-stock', { sku: 'P-1' }],
    ['invalid-request', [{ path: ['n'], message: 'expected a number' }]],
    ['unhandled', undefined],
  ])('is answered with the fault %s and its details', async (code, details) => {
    const fault = { code, message: 'Größe fehlt', details };
    const transport = transportTo(await serve(async () => ({ ok: false, fault })));
    expect(await transport.call(asking())).toEqual({ ok: false, fault });
  });

  it('loses details that no trailer can hold, and says so', async () => {
    const transport = transportTo(
      await serve(async () => ({
        ok: false,
        fault: { code: 'mine', message: 'm', details: 'x'.repeat(100_000) },
      })),
    );
    const { fault } = (await transport.call(asking())) as Extract<CallResult, { ok: false }>;
    expect(fault).toEqual({ code: 'mine', message: expect.stringContaining('too many to send') });
  });

  it('without a handler is answered with no-handler', async () => {
    const transport = transportTo(await serve(echo));
    expect(await reply(transport, asking('{}', { contract: Unanswered as never }))).toBe(
      'fault: no-handler',
    );
  });

  it('carries up to 4 MB each way, and faults above', async () => {
    const transport = transportTo(await serve(echo));
    const large = 'x'.repeat(4 * 1024 * 1024 - 100);
    expect(await reply(transport, asking(large))).toBe(large);
    expect(await reply(transport, asking(large + large))).toBe('fault: too-large');
  });

  it('gets its own reply among 1,000 at the same time, answered out of order', async () => {
    const servers = [await serve(shuffling()), await serve(shuffling())];
    const transport = transportTo(...servers);
    const replies = await Promise.all(
      Array.from({ length: 1_000 }, (_, n) => reply(transport, asking(`{"n":${n}}`))),
    );
    expect(replies).toEqual(Array.from({ length: 1_000 }, (_, n) => `{"n":${n}}`));
  });

  /** Answers every second request one round of the event loop later than its successor. */
  function shuffling(): HandleCall {
    let count = 0;
    return async ({ body }) => {
      if (count++ % 2 === 0) await new Promise(setImmediate);
      return { ok: true, body };
    };
  }
});

describe('a deadline', () => {
  it('ends the call on both sides', async () => {
    const handler = waiting();
    const transport = transportTo(await serve(handler.answer));
    await expect(transport.call(asking('{}', { within: 100 }))).rejects.toBeInstanceOf(
      DeadlineExceeded,
    );
    expect(await handler.aborted).toBeInstanceOf(DeadlineExceeded);
  });

  it('arrives with the call', async () => {
    const handler = waiting();
    const transport = transportTo(await serve(handler.answer));
    const asked = transport.call(asking('{}', { within: 300 })).catch(() => {});
    const budget = (await handler.begun).deadline.budget();
    expect(budget).toBeGreaterThan(0);
    expect(budget).toBeLessThanOrEqual(301);
    await asked;
  });

  it('that has passed already sends nothing', async () => {
    const answer = jest.fn(echo);
    const transport = transportTo(await serve(answer));
    await expect(transport.call(asking('{}', { within: 0 }))).rejects.toBeInstanceOf(
      DeadlineExceeded,
    );
    expect(answer).not.toHaveBeenCalled();
  });

  it("is the contract's when a foreign caller sets none", async () => {
    const handler = waiting();
    const server = await serve(handler.answer);
    void foreignCall(foreign(server.port), '/catalog.Catalog/QuotePrice');
    expect((await handler.begun).deadline.budget()).toBeGreaterThan(4_000);
  });

  it('gives the call of a foreign caller an id', async () => {
    const handler = waiting();
    const server = await serve(handler.answer);
    void foreignCall(foreign(server.port), '/catalog.Catalog/QuotePrice');
    expect((await handler.begun).headers['id']).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('cancellation', () => {
  it('reaches the handler, and the caller gets its own reason', async () => {
    const handler = waiting();
    const transport = transportTo(await serve(handler.answer));
    const abort = new AbortController();
    const asked = transport.call(asking('{}', { signal: abort.signal }));
    await handler.begun;
    const reason = new Error('the customer left');
    abort.abort(reason);
    await expect(asked).rejects.toBe(reason);
    expect(await handler.aborted).toBeInstanceOf(CallerGoneError);
  });

  it('before the call sends nothing', async () => {
    const transport = transportTo(await serve(echo));
    await expect(
      transport.call(asking('{}', { signal: AbortSignal.abort(new Error('too late')) })),
    ).rejects.toThrow('too late');
  });
});

describe('several instances', () => {
  const named =
    (name: string): HandleCall =>
    async () => ({ ok: true, body: Buffer.from(name) });

  /** Calls until every name was heard; fails by the test's own time limit. */
  async function receive(transport: GrpcCallTransport, ...names: string[]): Promise<void> {
    for (const missing = new Set(names); missing.size > 0;) missing.delete(await reply(transport));
  }

  it('are asked in turn', async () => {
    const transport = transportTo(await serve(named('a')), await serve(named('b')));
    await receive(transport, 'a', 'b');
    const heard = [
      await reply(transport),
      await reply(transport),
      await reply(transport),
      await reply(transport),
    ].join('');
    expect(['abab', 'baba']).toContain(heard);
  });

  it('cover for one that is killed: at most one try is lost; and it is used again when it is back', async () => {
    const [a, b] = [await serve(named('a')), await serve(named('b'))];
    const transport = transportTo(a, b);
    await receive(transport, 'a', 'b');
    const tries = countTries();
    kill(a);
    for (let n = 0; n < 50; n++) expect(await reply(transport)).toBe('b');
    expect(tries()).toBeLessThanOrEqual(50 + 1);
    await serve(named('a again'), a.port);
    await receive(transport, 'a again');
  });

  /** How often an instance was asked since. */
  function countTries(): () => number {
    const { mock } = jest.spyOn(GrpcConnection.prototype, 'call');
    return () => mock.calls.length;
  }

  describe('asked by a caller, of what may be asked twice,', () => {
    const envelopes = new Envelopes(
      { service: 'orders', instance: 'orders-1', build: 'test' },
      systemClock,
    );
    const callerOf = (transport: GrpcCallTransport) => new CallClient(transport, envelopes);

    it('cover for one that cannot answer: the second try is another one’s', async () => {
      const asked: string[] = [];
      const unable: HandleCall = async () => {
        asked.push('unable');
        return { ok: false, fault: { code: 'unavailable', message: 'its database is away' } };
      };
      const able: HandleCall = async ({ body }) => (asked.push('able'), { ok: true, body });
      const transport = transportTo(await serve(unable), await serve(able));
      while (new Set(asked).size < 2) await transport.call(asking()); // connected to both
      asked.length = 0;
      const caller = callerOf(transport);
      for (let n = 1; n <= 6; n++) expect(await caller.call(Read, { n })).toEqual({ n });
      expect(asked.filter((one) => one === 'able')).toHaveLength(6);
      expect(asked.join(' ')).toContain('unable able');
      expect(asked.join(' ')).not.toContain('unable unable');
    });

    it('cover for one whose connection breaks while it answers', async () => {
      const handlers = [waiting(), waiting()];
      const servers = [await serve(handlers[0]!.answer), await serve(handlers[1]!.answer)];
      const begun = handlers.map((handler, n) => handler.begun.then(() => n));
      const answered = callerOf(transportTo(...servers)).call(Read, { n: 1 });
      const first = await Promise.race(begun);
      const another = 1 - first;
      kill(servers[first]!);
      const incoming = await handlers[another]!.begun;
      expect(JSON.parse(incoming.body.toString())).toEqual({ n: 1 });
      handlers[another]!.reply({ ok: true, body: incoming.body });
      expect(await answered).toEqual({ n: 1 });
    });
  });

  it('that are all down are reported as unavailable, long before the deadline', async () => {
    const [a, b] = [await serve(named('a')), await serve(named('b'))];
    const transport = transportTo(a, b);
    kill(a);
    kill(b);
    await expect(transport.call(asking())).rejects.toBeInstanceOf(OwnerUnavailableError);
  });

  it('do not hide that an answer was lost with the instance that was asked', async () => {
    const handler = waiting();
    const server = await serve(handler.answer);
    const transport = transportTo(server);
    const asked = transport.call(asking());
    await handler.begun;
    kill(server);
    await expect(asked).rejects.toBeInstanceOf(ReplyLostError);
  });

  /** Breaks the server's connections as the death of its process does. */
  function kill(server: GrpcCallServer): void {
    (server as unknown as { grpcClient: { forceShutdown(): void } }).grpcClient.forceShutdown();
  }
});

describe('stopping', () => {
  it('answers what is under way and takes no new calls', async () => {
    const begun = gate();
    const answer = gate();
    const server = await serve(async ({ body }) => {
      begun.open();
      await answer.opened;
      return { ok: true, body };
    });
    const transport = transportTo(server);
    const asked = reply(transport, asking('"in flight"'));
    await begun.opened;
    await server.stop();
    await expect(reply(transport)).rejects.toBeInstanceOf(OwnerUnavailableError);
    answer.open();
    expect(await asked).toBe('"in flight"');
    expect(server.health().state).toBe('stopped');
  });

  it('aborts at close what the drain did not wait for', async () => {
    const handler = waiting();
    const server = await serve(handler.answer);
    const asked = reply(transportTo(server));
    await handler.begun;
    await server.close();
    expect(await handler.aborted).toBeInstanceOf(ServerStoppedError);
    expect(await asked).toBe('fault: cancelled');
  });
});

describe('foreign callers', () => {
  it.each([
    ['invalid-request', status.INVALID_ARGUMENT],
    ['no-handler', status.UNIMPLEMENTED],
    ['deadline-exceeded', status.DEADLINE_EXCEEDED],
    ['unhandled', status.INTERNAL],
    ['out-of-stock', status.FAILED_PRECONDITION],
    ['constructor', status.FAILED_PRECONDITION],
  ])('see the fault %s as a status', async (code, expected) => {
    const server = await serve(async () => ({ ok: false, fault: { code, message: 'because' } }));
    const error = await foreignCall(foreign(server.port), '/catalog.Catalog/QuotePrice');
    expect(error).toMatchObject({ code: expected, details: `${code}: because` });
  });
});

describe('at start', () => {
  it('a taken port is refused with a sentence', async () => {
    const { port } = await serve(echo);
    await expect(serve(echo, port)).rejects.toThrow(
      /cannot be answered at 127\.0\.0\.1:\d+.*is the port taken/,
    );
  });

  it.each([
    'http://a:1',
    'grpc://',
    'grpc://a',
    'grpc://a:1,b:2',
    'grpc://a:99999',
    'grpc://a:1?colour=blue',
  ])('the URL %s of an owner is refused', (url) => {
    expect(() => grpc.openCalls!({ urlOf: () => url }, context)).toThrow(/write grpc:\/\//);
  });

  it('an IPv6 address is listened to, and found', async () => {
    const { port } = await serve(echo, 0, '::1');
    const transport = grpc.openCalls!(
      { urlOf: () => `grpc://[::1]:${port}` },
      context,
    ) as GrpcCallTransport;
    open.push(transport);
    expect(await reply(transport, asking('{"n":6}'))).toBe('{"n":6}');
  });

  it('a name is resolved', async () => {
    const server = await serve(echo);
    const transport = grpc.openCalls!({ urlOf: () => `grpc://localhost:${server.port}` }, context);
    open.push(transport);
    expect(await transport.call(asking('1'))).toEqual({ ok: true, body: Buffer.from('1') });
  });
});
