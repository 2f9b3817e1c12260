import { call } from '@parley/contract';
import { eventually, TcpProxy } from '@parley/conformance';
import {
  type CallTransport,
  HandlerRegistry,
  type OutgoingCall,
  systemClock,
} from '@parley/messaging/transport';
import { Deadline, DeadlineExceeded } from '@parley/resilience';
import { z } from 'zod';
import { tcp } from './tcp';
import { TcpCallServer } from './server';

const Ask = call('catalog.quote-price', {
  request: z.object({ n: z.number() }),
  reply: z.object({ n: z.number() }),
});
const DEADLINE_MS = 1_000;
/** Milliseconds until a silent connection is replaced: one deadline, and some to spare. */
const FOUND_WITHIN_MS = 10_000;

const asking = (): OutgoingCall => ({
  contract: Ask,
  headers: {},
  body: Buffer.from('{}'),
  deadline: Deadline.within(DEADLINE_MS),
});

describe('a network that loses everything', () => {
  const server = new TcpCallServer(
    { host: '127.0.0.1', port: 0 },
    new HandlerRegistry('catalog'),
    async ({ body }) => ({ ok: true, body }),
  );
  let road: TcpProxy;
  let transport: CallTransport;

  beforeAll(async () => {
    server.addHandler(Ask.name, (async () => {}) as never, false, {
      contract: Ask,
      options: {},
      handlerClass: class Prices {},
      method: 'quote',
    });
    await new Promise<void>(
      (resolve, reject) => void server.listen((error) => (error ? reject(error) : resolve())),
    );
    road = await TcpProxy.to(`tcp://127.0.0.1:${server.port}`, server.port);
    const context = {
      service: 'orders',
      instance: 'orders-1',
      clock: systemClock,
      log: () => undefined,
    };
    transport = tcp.openCalls!({ urlOf: () => `tcp://127.0.0.1:${road.port}` }, context);
  });
  afterAll(async () => {
    await transport.close();
    await road.close();
    await server.close();
  });

  it(
    'ends calls at their deadlines, and no more when it is back',
    async () => {
      await expect(transport.call(asking())).resolves.toMatchObject({ ok: true });
      expect(road.silence()).toBeGreaterThan(0);
      await expect(transport.call(asking())).rejects.toBeInstanceOf(DeadlineExceeded);
      road.up();
      const answered = () =>
        transport.call(asking()).then(
          ({ ok }) => ok,
          () => false,
        );
      await eventually(answered, 'the silent connection to be found', FOUND_WITHIN_MS);
    },
    2 * FOUND_WITHIN_MS,
  );
});
