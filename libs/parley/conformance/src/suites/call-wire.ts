import { call, type Call } from '@parley/contract';
import { OwnerUnavailableError, ReplyLostError, type Technology } from '@parley/messaging';
import {
  CallerGoneError,
  type CallResult,
  type CallServer,
  type CallTransport,
  type HandleCall,
  HandlerRegistry,
  type IncomingCall,
  type OutgoingCall,
  ServerStoppedError,
  systemClock,
  type TransportContext,
} from '@parley/messaging/transport';
import { Deadline, DeadlineExceeded } from '@parley/resilience';
import { z } from 'zod';
import { freePort } from '../harness/free-port';
import { eventually } from '../harness/recorder';
import { TcpProxy } from '../harness/tcp-proxy';

/** A technology of calls, whose requests and replies go from one process to another. */
export interface CallWire {
  readonly technology: Technology;
  /** Milliseconds until a connection that loses everything is found. */
  readonly silenceMs: number;
}

const Ask = call('wire.ask-price', {
  request: z.object({ n: z.number() }),
  reply: z.object({ n: z.number() }),
});
const Unanswered = call('wire.never-bound', { request: z.object({}), reply: z.object({}) });

/** A deadline that even a busy machine keeps, for tests of other things than deadlines. */
const NO_HURRY_MS = 60_000;
const LARGEST = 4 * 1024 * 1024;

const context: TransportContext = {
  service: 'wire',
  instance: 'wire-1',
  clock: systemClock,
  log: () => {},
};
const echo: HandleCall = async ({ body }) => ({ ok: true, body });
const named =
  (name: string): HandleCall =>
  async () => ({ ok: true, body: Buffer.from(JSON.stringify(name)) });

interface Asking extends Partial<OutgoingCall> {
  readonly within?: number;
  readonly contract?: Call;
}

const asking = (body: string | Buffer = '{}', options: Asking = {}): OutgoingCall => ({
  contract: Ask,
  headers: {},
  body: Buffer.from(body),
  deadline: Deadline.within(options.within ?? NO_HURRY_MS),
  ...options,
});

async function reply(transport: CallTransport, request = asking()): Promise<string> {
  const answer = await transport.call(request);
  return answer.ok ? answer.body.toString() : `fault: ${answer.fault.code}`;
}

/** A promise and the function that settles it, for handlers that wait for the test. */
function gate<T = void>() {
  let open!: (value: T) => void;
  const opened = new Promise<T>((resolve) => (open = resolve));
  return { opened, open };
}

/** An answerer that waits for the signal and answers why it was aborted. */
function waiting() {
  const begun = gate<IncomingCall>();
  const aborted = gate<unknown>();
  const answer: HandleCall = (incoming) =>
    new Promise((resolve) => {
      begun.open(incoming);
      incoming.signal.addEventListener('abort', () => {
        aborted.open(incoming.signal.reason);
        resolve({ ok: false, fault: { code: 'cancelled', message: 'aborted' } });
      });
    });
  return { answer, begun: begun.opened, aborted: aborted.opened };
}

interface Served {
  readonly server: CallServer;
  readonly port: number;
  /** The way to it, which can be cut. */
  readonly road: TcpProxy;
}

/** What every technology of calls does on its wire, below contracts and retries. */
export function callWireSuite({ technology, silenceMs }: CallWire): void {
  const [scheme] = technology.schemes;
  const open: { close(): Promise<void> | void }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });

  const transportFor = (url: string, port?: number, host = '127.0.0.1'): CallTransport => {
    const listen = port === undefined ? undefined : { host, port };
    const transport = technology.openCalls!({ urlOf: () => url, listen }, context);
    open.push(transport);
    return transport;
  };

  async function serve(answer: HandleCall, port?: number, host?: string): Promise<Served> {
    const at = port ?? (await freePort());
    const registry = new HandlerRegistry('wire');
    const server = transportFor(`${scheme}://127.0.0.1:1`, at, host).server(registry, answer);
    registry.add(async () => {}, {
      contract: Ask,
      options: {},
      handlerClass: { name: 'Prices' },
      method: 'ask',
    });
    await new Promise<void>((resolve, reject) =>
      server.listen((error?: unknown) => (error ? reject(error) : resolve())),
    );
    open.push({ close: () => server.close() });
    const road = await TcpProxy.to(`${scheme}://${host ? `[${host}]` : '127.0.0.1'}:${at}`, at);
    open.push(road);
    return { server, port: at, road };
  }

  const transportTo = (...servers: Served[]): CallTransport =>
    transportFor(`${scheme}://${servers.map(({ road }) => `127.0.0.1:${road.port}`).join(',')}`);

  describe(`a call by ${technology.name}`, () => {
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
      expect((await received.opened).contract).toBe(Ask.name);
    });

    it('is answered when the handler says nothing', async () => {
      const transport = transportTo(await serve(async () => ({ ok: true, body: Buffer.alloc(0) })));
      expect(await reply(transport)).toBe('');
    });

    it.each([
      ['out-of-stock', { sku: 'P-1' }],
      ['invalid-request', [{ path: ['n'], message: 'expected a number' }]],
      ['unhandled', undefined],
      ['constructor', { __proto__: null }],
      ['unavailable', undefined],
    ])('is answered with the fault %s and its details', async (code, details) => {
      const fault = { code, message: 'Größe fehlt', details };
      const transport = transportTo(await serve(async () => ({ ok: false, fault })));
      expect(await transport.call(asking())).toEqual({ ok: false, fault });
    });

    it('loses details that are too large, and says so', async () => {
      const fault = { code: 'mine', message: 'm', details: 'x'.repeat(1_000_000) };
      const transport = transportTo(await serve(async () => ({ ok: false, fault })));
      expect(await transport.call(asking())).toEqual({
        ok: false,
        fault: { code: 'mine', message: expect.stringContaining('too many to send') as string },
      });
    });

    it('without a handler is answered with no-handler', async () => {
      const transport = transportTo(await serve(echo));
      expect(await reply(transport, asking('{}', { contract: Unanswered }))).toBe(
        'fault: no-handler',
      );
    });

    it('carries up to 4 MiB each way, and faults above', async () => {
      const transport = transportTo(await serve(echo));
      const large = 'x'.repeat(LARGEST - 100);
      expect(await reply(transport, asking(large))).toBe(large);
      expect(await reply(transport, asking(large + large))).toBe('fault: too-large');
      const talkative = transportTo(
        await serve(async () => ({ ok: true, body: Buffer.alloc(LARGEST + 1, 'x') })),
      );
      expect(await reply(talkative)).toBe('fault: too-large');
    });

    it('gets its own reply among 1,000 at the same time, answered out of order', async () => {
      const transport = transportTo(await serve(shuffling()), await serve(shuffling()));
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
      await expect(transport.call(asking('{}', { within: 300 }))).rejects.toBeInstanceOf(
        DeadlineExceeded,
      );
      await handler.begun;
      // The caller's own deadline may end the connection before the handler's timer runs.
      expect(['CallerGoneError', 'DeadlineExceeded']).toContain(
        ((await handler.aborted) as Error).name,
      );
    });

    it('arrives with the call', async () => {
      const handler = waiting();
      const transport = transportTo(await serve(handler.answer));
      const asked = transport.call(asking('{}', { within: 2_000 })).catch(() => {});
      const budget = (await handler.begun).deadline.budget();
      expect(budget).toBeGreaterThan(0);
      expect(budget).toBeLessThanOrEqual(2_001);
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
      const answer = jest.fn(echo);
      const transport = transportTo(await serve(answer));
      await expect(
        transport.call(asking('{}', { signal: AbortSignal.abort(new Error('too late')) })),
      ).rejects.toThrow('too late');
      expect(answer).not.toHaveBeenCalled();
    });

    it('reaches the handler when the connection breaks', async () => {
      const handler = waiting();
      const served = await serve(handler.answer);
      const asked = transportTo(served).call(asking());
      await handler.begun;
      served.road.cut();
      await expect(asked).rejects.toBeInstanceOf(ReplyLostError);
      expect(await handler.aborted).toBeInstanceOf(CallerGoneError);
    });
  });

  describe('several instances', () => {
    /** Calls until every name was heard; fails by the test's own time limit. */
    async function receive(transport: CallTransport, ...names: string[]): Promise<void> {
      for (const missing = new Set(names); missing.size > 0;)
        missing.delete(JSON.parse(await reply(transport)) as string);
    }

    it('are asked in turn', async () => {
      const transport = transportTo(await serve(named('a')), await serve(named('b')));
      await receive(transport, 'a', 'b');
      const heard = [];
      for (let n = 0; n < 4; n++) heard.push(JSON.parse(await reply(transport)));
      expect(['abab', 'baba']).toContain(heard.join(''));
    });

    it('cover for one that died, at most one reply is lost; it is used again when it is back', async () => {
      const [a, b] = [await serve(named('a')), await serve(named('b'))];
      const transport = transportTo(a, b);
      await receive(transport, 'a', 'b');
      await a.road.close();
      const lost = (error: unknown) => (error instanceof ReplyLostError ? 'lost' : String(error));
      const replies = [await reply(transport).catch(lost)];
      for (let n = 0; n < 50; n++) replies.push(await reply(transport));
      expect(replies.filter((one) => one !== '"b"' && one !== 'lost')).toEqual([]);
      open.push(await TcpProxy.to(`${scheme}://127.0.0.1:${a.port}`, a.port, a.road.port));
      await receive(transport, 'a');
    });

    it('that are all away are reported as unavailable, long before the deadline', async () => {
      const [a, b] = [await serve(named('a')), await serve(named('b'))];
      const transport = transportTo(a, b);
      await a.road.close();
      await b.road.close();
      await expect(transport.call(asking())).rejects.toBeInstanceOf(OwnerUnavailableError);
    });
  });

  describe('stopping', () => {
    it('answers what is under way and refuses new calls as not handled', async () => {
      const begun = gate();
      const answer = gate();
      const handled = jest.fn();
      const { server, ...served } = await serve(async ({ body }) => {
        handled();
        begun.open();
        await answer.opened;
        return { ok: true, body };
      });
      const transport = transportTo({ server, ...served });
      const asked = reply(transport, asking('"in flight"'));
      await begun.opened;
      await server.stop();
      await expect(reply(transport)).rejects.toBeInstanceOf(OwnerUnavailableError);
      answer.open();
      expect(await asked).toBe('"in flight"');
      expect(server.health().state).toBe('stopped');
      expect(handled).toHaveBeenCalledTimes(1);
    });

    it('loses no call, also at the moment when it stops', async () => {
      const [leaving, staying] = [await serve(echo), await serve(echo)];
      const transport = transportFor(
        `${scheme}://127.0.0.1:${leaving.port},127.0.0.1:${staying.port}`,
      );
      let stopped: Promise<void> | undefined;
      for (let n = 0; n < 300; n++) {
        const asked = Array.from({ length: 4 }, (_, i) => reply(transport, asking(`${n}${i}`)));
        if (n === 150) stopped = leaving.server.stop().then(() => leaving.server.close());
        expect(await Promise.all(asked)).toEqual([0, 1, 2, 3].map((i) => `${n}${i}`));
      }
      await stopped;
    });

    it('aborts at close what the drain did not wait for', async () => {
      const handler = waiting();
      const served = await serve(handler.answer);
      const asked = reply(transportTo(served));
      await handler.begun;
      await served.server.close();
      expect(await handler.aborted).toBeInstanceOf(ServerStoppedError);
      expect(await asked).toBe('fault: cancelled');
    });
  });

  describe('at start', () => {
    it('a taken port is refused with a sentence', async () => {
      const { port } = await serve(echo);
      await expect(serve(echo, port)).rejects.toThrow(
        /cannot be answered at 127\.0\.0\.1:\d+.*is the port taken/,
      );
    });

    it.each(['ftp://a:1', '://', '://a', '://a:1,b:2', '://a:99999', '://a:1?colour=blue'])(
      'the URL %s of an owner is refused',
      (url) => {
        const whole = url.startsWith(':') ? scheme + url : url;
        expect(() => transportFor(whole)).toThrow(new RegExp(`write ${scheme}://`));
      },
    );

    it('an IPv6 address is listened to, and found', async () => {
      const { port } = await serve(echo, undefined, '::1');
      expect(await reply(transportFor(`${scheme}://[::1]:${port}`), asking('6'))).toBe('6');
    });

    it('a name is resolved', async () => {
      const { port } = await serve(echo);
      expect(await reply(transportFor(`${scheme}://localhost:${port}`), asking('1'))).toBe('1');
    });
  });

  describe('a network that loses everything', () => {
    it(
      'ends calls at their deadlines, and no more when it is back',
      async () => {
        const served = await serve(echo);
        const transport = transportTo(served);
        const ask = () => transport.call(asking('{}', { within: 1_000 }));
        expect(await Promise.all([ask(), ask(), ask()])).toMatchObject(Array(3).fill({ ok: true }));
        expect(served.road.silence()).toBeGreaterThan(0);
        await expect(ask()).rejects.toBeInstanceOf(DeadlineExceeded);
        served.road.up();
        const answered = () =>
          ask().then(
            ({ ok }: CallResult) => ok,
            () => false,
          );
        await eventually(answered, 'the silent connection to be found', silenceMs);
      },
      2 * silenceMs + 10_000,
    );
  });
}
