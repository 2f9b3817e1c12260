import { type AddressInfo, createServer, type Server } from 'node:net';
import { ClientTCP, ServerTCP } from '@nestjs/microservices';
import { firstValueFrom, throwError } from 'rxjs';
import {
  Ask,
  asking,
  CallTrial,
  callWireSuite,
  echo,
  expectDeadline,
  gate,
  named,
  reply,
  type Served,
  Unanswered,
  waiting,
} from '@parley/conformance';
import { stream } from '@parley/contract';
import { OwnerUnavailableError, ReplyLostError } from '@parley/messaging';
import { type CallTransport, HandlerRegistry } from '@parley/messaging/transport';
import { z } from 'zod';
import { TcpConnection } from './connection';
import { TcpCallServer } from './server';
import { tcp } from './tcp';

callWireSuite({ technology: tcp, lostBySilence: 0 });

const trial = new CallTrial(tcp);
afterEach(async () => {
  jest.restoreAllMocks();
  await trial.close();
});

/** Asks as a service of stock Nest does. */
async function stockCall(
  port: number,
  data: object = {},
  pattern: object | string = Ask.name,
): Promise<unknown> {
  const client = new ClientTCP({ host: '127.0.0.1', port });
  trial.closes({ close: () => client.close() });
  return firstValueFrom(client.send<unknown>(pattern, data));
}

describe('an instance that is killed', () => {
  it('costs at most one try; it is used again when it is back', async () => {
    const [a, b] = [await trial.serve(named('a')), await trial.serve(named('b'))];
    const transport = trial.transportFor(trial.urlOf(a.port, b.port));
    const missing = new Set(['"a"', '"b"']);
    while (missing.size > 0) missing.delete(await reply(transport));
    const tries = jest.spyOn(TcpConnection.prototype, 'call').mock.calls;
    kill(a);
    const lost = (error: unknown) => (error instanceof ReplyLostError ? 'lost' : String(error));
    const replies: string[] = [];
    for (let n = 0; n < 50; n++) replies.push(await reply(transport).catch(lost));
    expect(replies.filter((one) => one === 'lost').length).toBeLessThanOrEqual(1);
    expect(new Set(replies.filter((one) => one !== 'lost'))).toEqual(new Set(['"b"']));
    expect(tries.length).toBeLessThanOrEqual(50 + 1);
    await trial.serve(named('a again'), a.port);
    while ((await reply(transport)) !== '"a again"');
  });

  /** Breaks the server's connections as the death of its process does. */
  function kill({ server }: Served): void {
    const { server: sockets, connections } = server as unknown as {
      server: { close(): void };
      connections: Set<{ destroy(): void }>;
    };
    sockets.close();
    for (const connection of connections) connection.destroy();
  }
});

describe('a foreign caller', () => {
  it("has the contract's deadline when it sets none, and an id", async () => {
    const handler = waiting();
    const { port } = await trial.serve(handler.answer);
    const began = performance.now();
    void stockCall(port).catch(() => undefined);
    const { deadline, headers } = await handler.begun;
    expectDeadline(deadline, Ask.deadline, began);
    expect(headers['id']).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('stock Nest', () => {
  it('is answered when it asks', async () => {
    const { port } = await trial.serve(echo);
    expect(await stockCall(port, { n: 7 })).toEqual({ n: 7 });
  });

  it('sees a fault as an error with a code', async () => {
    const fault = { code: 'out-of-stock', message: 'none left', details: { sku: 'P-1' } };
    const { port } = await trial.serve(async () => ({ ok: false, fault }));
    await expect(stockCall(port)).rejects.toEqual({ status: 'error', ...fault });
  });

  it('is told that nothing answers its pattern', async () => {
    const { port } = await trial.serve(echo);
    await expect(stockCall(port, {}, { cmd: 'sum' })).rejects.toMatchObject({ code: 'no-handler' });
  });

  it('does not keep a stopping instance waiting', async () => {
    const { server, port } = await trial.serve(echo);
    await stockCall(port);
    // Time stands still: nothing is cut off that does not end by itself.
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
    await server.close().finally(() => jest.useRealTimers());
  });

  describe('as a server', () => {
    async function stockServer(handle: () => Promise<unknown>): Promise<CallTransport> {
      const server = new ServerTCP({ host: '127.0.0.1', port: 0 });
      server.addHandler(Ask.name, handle);
      await new Promise((resolve) => server.listen(resolve));
      trial.closes({ close: async () => server.close() });
      const { port } = server.unwrap<Server>().address() as AddressInfo;
      return trial.transportFor(trial.urlOf(port));
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
      expect(await reply(transport, asking('{}', { contract: Unanswered }))).toBe(
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
      expect(await reply(transport, asking('{}', { contract: Unanswered }))).toBe(
        'fault: no-handler',
      );
    });
  });
});

describe('a proxy that accepts and drops connections', () => {
  it('has certainly handled nothing', async () => {
    const proxy = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    trial.closes({ close: async () => void proxy.close() });
    await expect(
      trial.transportFor(trial.urlOf((proxy.address() as AddressInfo).port)).call(asking()),
    ).rejects.toBeInstanceOf(OwnerUnavailableError);
  });
});

describe('another server at the address', () => {
  it('is told apart', async () => {
    const web = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    trial.closes({ close: async () => void web.close() });
    await expect(
      trial.transportFor(trial.urlOf((web.address() as AddressInfo).port)).call(asking()),
    ).rejects.toThrow(/does not answer as Nest's TCP transport does/);
  });
});

describe('a stream', () => {
  const item = z.object({ n: z.number() });
  const List = stream('wire.list-prices', { request: item, item, deadline: '1s' });

  it('is refused at the start of its owner, and at its caller, with what to do', async () => {
    const registry = new HandlerRegistry('wire');
    registry.add(async () => undefined, {
      contract: List,
      options: {},
      handlerClass: { name: 'Prices' },
      method: 'list',
    });
    const server = new TcpCallServer({ host: '127.0.0.1', port: 0 }, registry, echo);
    const started = new Promise((resolve) => server.listen(resolve));
    expect(await started).toMatchObject({
      message: expect.stringMatching(/wire.list-prices is a stream.* tcp .*grpc:\/\/ or http:\/\//),
    });
    expect(trial.transportFor('tcp://127.0.0.1:1').stream).toBeUndefined();
  });
});
