import { broadcast } from '@parley/contract';
import { HandlerRegistry, systemClock } from '@parley/messaging/transport';
import { eventually, TcpProxy } from '@parley/conformance';
import { z } from 'zod';
import { Address } from './address';
import { RedisBroadcastConsumer } from './broadcast-consumer';

const url = process.env['REDIS_URL'];
const News = broadcast('silence.news', z.object({ n: z.number() }));

jest.setTimeout(60_000);

(url ? it : it.skip)(
  'a connection that the network lost while it only listened is found, and another one listens',
  async () => {
    const road = await TcpProxy.to(url!, 6379);
    const complaints: string[] = [];
    const context = {
      service: 'reader',
      instance: 'reader-1',
      clock: systemClock,
      log: (_: string, message: string) => void complaints.push(message),
    };
    const intake = new RedisBroadcastConsumer(
      new Address(road.along(url!)),
      new HandlerRegistry('reader'),
      async () => ({ kind: 'done', settled: false }),
      context,
    );
    intake.addHandler(News.name, (async () => {}) as never, true, {
      contract: News,
      options: {},
      handlerClass: class Reader {},
      method: 'read',
    } as never);
    await new Promise<void>(
      (resolve, reject) => void intake.listen((error) => (error ? reject(error) : resolve())),
    );
    road.swallow();
    await eventually(
      () =>
        complaints.some((sent) =>
          sent.includes('is silent (no answer within 5 s); connecting anew'),
        ),
      'the silence to be found',
      20_000,
    );
    await eventually(() => intake.health().state === 'disconnected', 'it to connect anew');
    await eventually(() => intake.health().state === 'consuming', 'it to listen again');
    await intake.close();
    await road.close();
  },
);
