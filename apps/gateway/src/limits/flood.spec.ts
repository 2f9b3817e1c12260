import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Authentication } from '../authentication';
import { EdgeOnTrial, EventReader } from '../edge.fixture';
import { IssuerOnTrial } from '../issuer.fixture';
import { countOf, from, place, statusOf } from './limits.fixture';

/** Of this process's own CPU: a busy machine does not count. */
const millisecondsOfCpu = (since: NodeJS.CpuUsage): number => process.cpuUsage(since).user / 1_000;

describe('an edge that one client floods', () => {
  let issuer: IssuerOnTrial;
  let edge: EdgeOnTrial;
  beforeAll(async () => {
    issuer = await IssuerOnTrial.start();
    edge = await EdgeOnTrial.start(new Authentication(issuer.settings), undefined, {
      limits: { reads: { requests: 100, seconds: 600 } },
      trustedProxies: ['127.0.0.1'],
    });
  });
  afterAll(async () => {
    await edge.close();
    await issuer.close();
  });

  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${edge.url}${path}`, { headers });

  it('refuses the 1,000 requests of one client beyond its limit, and serves the others', async () => {
    const flood = Array.from({ length: 50 }, async () => {
      const statuses = [];
      for (let n = 0; n < 20; n++)
        statuses.push(await statusOf(get('/products', from('192.0.2.1'))));
      return statuses;
    });
    const others = ['192.0.2.2', '192.0.2.3'].map((ip) => statusOf(get('/products', from(ip))));
    const account = statusOf(
      get('/orders', { ...from('192.0.2.1'), ...(await issuer.headers('ada')) }),
    );
    expect(await Promise.all([...others, account])).toEqual([200, 200, 200]);
    expect(countOf((await Promise.all(flood)).flat())).toEqual({ 200: 100, 429: 900 });
  });

  it('serves others while 1,000 connections send half a request each', async () => {
    const sockets: Socket[] = [];
    try {
      for (let n = 0; n < 1_000; n++) {
        const socket = connect(edge.port, '127.0.0.1').on('error', () => undefined);
        sockets.push(socket);
        await once(socket, 'connect');
        socket.write('POST /orders HTTP/1.1\r\nHost: shop\r\nX-Slow: ');
      }
      const began = process.cpuUsage();
      for (let n = 0; n < 10; n++)
        expect(await statusOf(get('/products', from(`192.0.2.${60 + n}`)))).toBe(200);
      expect(millisecondsOfCpu(began)).toBeLessThan(5_000);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });

  it('serves others while 1,000 streams are open and nothing happens in them', async () => {
    const wide = await EdgeOnTrial.start(undefined, undefined, { trustedProxies: ['127.0.0.1'] });
    const readers: EventReader[] = [];
    try {
      const { orderId } = (await (await place(wide.url)).json()) as { orderId: string };
      const follow = async (ip: string) => {
        const events = `${wide.url}/orders/${orderId}/events`;
        readers.push(await EventReader.open(events, undefined, from(ip)));
        return readers.at(-1)!;
      };
      for (let n = 0; n < 1_000; n++) await follow(`10.1.${n >> 8}.${n & 255}`);
      expect(wide.streams.count).toBe(1_000);
      const began = process.cpuUsage();
      for (let n = 0; n < 10; n++) expect(await statusOf(fetch(`${wide.url}/products`))).toBe(200);
      expect((await place(wide.url)).status).toBe(202);
      const late = await follow('10.2.0.1');
      expect((await late.next(1)).map(({ data }) => data)).toMatchObject([
        { number: 1, status: 'placed' },
      ]);
      expect(millisecondsOfCpu(began)).toBeLessThan(5_000);
    } finally {
      for (const reader of readers) reader.leave();
      await wide.close();
    }
  });
});
