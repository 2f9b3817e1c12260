import { OwnerUnavailableError, ReplyLostError, type Technology } from '@parley/messaging';
import {
  CallClient,
  CallerGoneError,
  type CallResult,
  type CallTransport,
  Envelopes,
  type HandleCall,
  type IncomingCall,
  ServerStoppedError,
  systemClock,
} from '@parley/messaging/transport';
import { DeadlineExceededError } from '@parley/resilience';
import {
  Ask,
  asking,
  CallTrial,
  echo,
  gate,
  named,
  Read,
  reply,
  Unanswered,
  waiting,
} from '../harness/call-trial';

/** A technology of calls, whose requests and replies go from one process to another. */
export interface CallWire {
  readonly technology: Technology;
  /**
   * Calls at most that are lost on a connection that fell silent after a call on it has run into
   * its deadline.
   */
  readonly lostBySilence: number;
  /** The options of URLs for TLS; undefined: without TLS. */
  readonly files?: () => string;
}

/** Bytes of the largest message. */
const LARGEST = 4 * 1024 * 1024;
const DAY_MS = 86_400_000;
/** Milliseconds of a deadline that is missed, longer than any silence that means nothing. */
const MISSED_MS = 2_000;
/** Milliseconds of a deadline that is kept, also where a connection is found silent meanwhile. */
const KEPT_MS = 40_000;

/** The behaviour of every technology of calls on its wire, below contracts and retries. */
export function callWireSuite({ technology, lostBySilence, files }: CallWire): void {
  const trial = new CallTrial(technology, files);
  const { scheme } = trial;
  const serve = trial.serve.bind(trial);
  const transportTo = trial.transportTo.bind(trial);
  const transportFor = trial.transportFor.bind(trial);
  afterEach(() => trial.close());

  describe(`a call by ${scheme}`, () => {
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
      // Connections open a few at a time: on a busy machine, hundreds of them by TLS would wait for
      // each other until they are given up.
      for (const atOnce of [10, 100, 200, 300, 400, 500, 1_000]) {
        const asked = Array.from({ length: atOnce }, (_, n) => `{"n":${n}}`);
        const replies = asked.map((body) => reply(transport, asking(body)));
        expect(await Promise.all(replies)).toEqual(asked);
      }
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
      const answers = [echo, handler.answer];
      const transport = transportTo(await serve((call) => answers.shift()!(call)));
      await transport.call(asking()); // the connection takes nothing of the deadline
      await expect(transport.call(asking('{}', { within: 1_000 }))).rejects.toBeInstanceOf(
        DeadlineExceededError,
      );
      await handler.begun;
      expect(await handler.aborted).toBeInstanceOf(DeadlineExceededError);
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

    it.each([40, 200])('of %d days arrives, as at least 24 days', async (days) => {
      const transport = transportTo(
        await serve(async ({ deadline }) => ({
          ok: true,
          body: Buffer.from(String(deadline.budget())),
        })),
      );
      const budget = Number(await reply(transport, asking('{}', { within: days * DAY_MS })));
      expect(budget).toBeGreaterThan(24 * DAY_MS);
      expect(budget).toBeLessThanOrEqual(days * DAY_MS);
    });

    it('that has passed already sends nothing', async () => {
      const answer = jest.fn(echo);
      const transport = transportTo(await serve(answer));
      await expect(transport.call(asking('{}', { within: 0 }))).rejects.toBeInstanceOf(
        DeadlineExceededError,
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
      await trial.roadTo(a.port, a.road.port);
      await receive(transport, 'a');
    });

    describe('asked by a caller, of what may be asked twice,', () => {
      const envelopes = new Envelopes(
        { service: 'orders', instance: 'orders-1', build: 'test' },
        systemClock,
      );
      const callerOf = (transport: CallTransport) => new CallClient(transport, envelopes);

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
        await servers[first]!.road.close();
        const { begun: again, reply: answer } = handlers[1 - first]!;
        const incoming = await again;
        expect(JSON.parse(incoming.body.toString())).toEqual({ n: 1 });
        answer({ ok: true, body: incoming.body });
        expect(await answered).toEqual({ n: 1 });
      });
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
      const transport = transportFor(trial.urlOf(leaving.port, staying.port));
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
        expect(() => transportFor(whole)).toThrow(new RegExp(`write ${technology.name}://`));
      },
    );

    it('an IPv6 address is listened to, and found', async () => {
      const { port } = await serve(echo, undefined, '::1');
      expect(
        await reply(transportFor(`${scheme}://[::1]:${port}${trial.options}`), asking('6')),
      ).toBe('6');
    });

    it('a name is resolved', async () => {
      const { port } = await serve(echo);
      expect(
        await reply(transportFor(`${scheme}://localhost:${port}${trial.options}`), asking('1')),
      ).toBe('1');
    });
  });

  describe('a network that loses everything', () => {
    it(
      'ends calls at their deadlines, and no more when it is back',
      async () => {
        const served = await serve(echo);
        const transport = transportTo(served);
        const ask = (within = KEPT_MS) => transport.call(asking('{}', { within }));
        expect(await Promise.all([ask(), ask(), ask()])).toMatchObject(Array(3).fill({ ok: true }));
        expect(served.road.silence()).toBeGreaterThan(0);
        await expect(ask(MISSED_MS)).rejects.toBeInstanceOf(DeadlineExceededError);
        served.road.up();
        let lost = 0;
        const found = ({ ok }: CallResult) => ok;
        while (!(await ask().then(found, () => false)))
          expect(++lost).toBeLessThanOrEqual(lostBySilence);
      },
      (lostBySilence + 2) * KEPT_MS,
    );
  });
}
