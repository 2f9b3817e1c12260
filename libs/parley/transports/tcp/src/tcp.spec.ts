import { type AddressInfo, createServer, type Server } from 'node:net';
import { ClientTCP, ServerTCP } from '@nestjs/microservices';
import { firstValueFrom, throwError } from 'rxjs';
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
import { TcpConnection } from './connection';
import { tcp, type TcpCallTransport } from './tcp';
import { TcpCallServer } from './server';

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

async function serve(answer: HandleCall, port = 0, host = '127.0.0.1'): Promise<TcpCallServer> {
  const server = new TcpCallServer({ host, port }, new HandlerRegistry('catalog'), answer);
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

function transportTo(...servers: { port: number }[]): TcpCallTransport {
  const url = `tcp://${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
  const transport = tcp.openCalls!({ urlOf: () => url }, context) as TcpCallTransport;
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

async function reply(transport: TcpCallTransport, request = asking()): Promise<string> {
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

/** Asks as a service of stock Nest does. */
async function stockCall(
  port: number,
  data: object = {},
  pattern: object | string = Ask.name,
): Promise<unknown> {
  const client = new ClientTCP({ host: '127.0.0.1', port });
  open.push({ close: async () => client.close() });
  return firstValueFrom(client.send<unknown>(pattern, data));
}

describe('a call by TCP', () => {
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
    const large = `"${'x'.repeat(4 * 1024 * 1024 - 100)}"`;
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
    void stockCall(server.port).catch(() => undefined);
    expect((await handler.begun).deadline.budget()).toBeGreaterThan(4_000);
  });

  it('gives the call of a foreign caller an id', async () => {
    const handler = waiting();
    const server = await serve(handler.answer);
    void stockCall(server.port).catch(() => undefined);
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
  async function receive(transport: TcpCallTransport, ...names: string[]): Promise<void> {
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
    const lost = (error: unknown) => (error instanceof ReplyLostError ? 'lost' : String(error));
    const replies: string[] = [];
    for (let n = 0; n < 50; n++) replies.push(await reply(transport).catch(lost));
    expect(replies.filter((one) => one === 'lost').length).toBeLessThanOrEqual(1);
    expect(new Set(replies.filter((one) => one !== 'lost'))).toEqual(new Set(['b']));
    expect(tries()).toBeLessThanOrEqual(50 + 1);
    await serve(named('a again'), a.port);
    await receive(transport, 'a again');
  });

  /** How often an instance was asked since. */
  function countTries(): () => number {
    const { mock } = jest.spyOn(TcpConnection.prototype, 'call');
    return () => mock.calls.length;
  }

  describe('asked by a caller, of what may be asked twice,', () => {
    const envelopes = new Envelopes(
      { service: 'orders', instance: 'orders-1', build: 'test' },
      systemClock,
    );
    const callerOf = (transport: TcpCallTransport) => new CallClient(transport, envelopes);

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
  function kill(server: TcpCallServer): void {
    const { server: sockets, connections } = server as unknown as {
      server: { close(): void };
      connections: Set<{ destroy(): void }>;
    };
    sockets.close();
    for (const connection of connections) connection.destroy();
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

describe('stock Nest', () => {
  it('is answered when it asks', async () => {
    const { port } = await serve(echo);
    expect(await stockCall(port, { n: 7 })).toEqual({ n: 7 });
  });

  it('sees a fault as an error with a code', async () => {
    const fault = { code: 'out-of-stock', message: 'none left', details: { sku: 'P-1' } };
    const { port } = await serve(async () => ({ ok: false, fault }));
    await expect(stockCall(port)).rejects.toEqual({ status: 'error', ...fault });
  });

  it('is told that nothing answers its pattern', async () => {
    const { port } = await serve(echo);
    await expect(stockCall(port, {}, { cmd: 'sum' })).rejects.toMatchObject({ code: 'no-handler' });
  });

  it('does not keep a stopping instance waiting', async () => {
    const server = await serve(echo);
    await stockCall(server.port);
    const started = performance.now();
    await server.close();
    expect(performance.now() - started).toBeLessThan(900);
  });

  describe('as a server', () => {
    async function stockServer(handle: () => Promise<unknown>): Promise<TcpCallTransport> {
      const server = new ServerTCP({ host: '127.0.0.1', port: 0 });
      server.addHandler(Ask.name, handle);
      await new Promise((resolve) => server.listen(resolve));
      open.push({ close: async () => server.close() });
      return transportTo({ port: (server.unwrap<Server>().address() as AddressInfo).port });
    }

    it('answers', async () => {
      const transport = await stockServer(async () => ({ n: 'sieben' }));
      expect(await reply(transport)).toBe('{"n":"sieben"}');
    });

    it('fails as an unhandled error', async () => {
      const transport = await stockServer(async () =>
        throwError(() => ({ status: 'error', message: 'broken' })),
      );
      expect(await reply(transport)).toBe('fault: unhandled');
    });

    it('has no handler', async () => {
      const transport = await stockServer(async () => ({}));
      expect(await reply(transport, asking('{}', { contract: Unanswered as never }))).toBe(
        'fault: no-handler',
      );
    });

    it('is not disturbed by a cancellation', async () => {
      const begun = gate();
      const transport = await stockServer(() => (begun.open(), new Promise(() => undefined)));
      const abort = new AbortController();
      const asked = transport.call(asking('{}', { signal: abort.signal }));
      await begun.opened;
      abort.abort(new Error('gone'));
      await expect(asked).rejects.toThrow('gone');
      expect(await reply(transport, asking('{}', { contract: Unanswered as never }))).toBe(
        'fault: no-handler',
      );
    });
  });
});

describe('a proxy that accepts and drops connections', () => {
  it('has certainly handled nothing', async () => {
    const proxy = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    open.push({ close: async () => void proxy.close() });
    await expect(
      transportTo({ port: (proxy.address() as AddressInfo).port }).call(asking()),
    ).rejects.toBeInstanceOf(OwnerUnavailableError);
  });
});

describe('another server at the address', () => {
  it('is told apart', async () => {
    const web = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    open.push({ close: async () => void web.close() });
    await expect(
      transportTo({ port: (web.address() as AddressInfo).port }).call(asking()),
    ).rejects.toThrow(/does not answer as Nest's TCP transport does/);
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
    'tcp://',
    'tcp://a',
    'tcp://a:1,b:2',
    'tcp://a:99999',
    'tcp://a:1?colour=blue',
  ])('the URL %s of an owner is refused', (url) => {
    expect(() => tcp.openCalls!({ urlOf: () => url }, context)).toThrow(/write tcp:\/\//);
  });

  it('an IPv6 address is listened to, and found', async () => {
    const { port } = await serve(echo, 0, '::1');
    const transport = tcp.openCalls!(
      { urlOf: () => `tcp://[::1]:${port}` },
      context,
    ) as TcpCallTransport;
    open.push(transport);
    expect(await reply(transport, asking('{"n":6}'))).toBe('{"n":6}');
  });

  it('a name is resolved', async () => {
    const server = await serve(echo);
    const transport = tcp.openCalls!({ urlOf: () => `tcp://localhost:${server.port}` }, context);
    open.push(transport);
    expect(await transport.call(asking('1'))).toEqual({ ok: true, body: Buffer.from('1') });
  });
});
