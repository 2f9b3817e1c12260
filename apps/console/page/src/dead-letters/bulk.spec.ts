import type { Batch } from '../api/types';
import { type Bulk, decideAboutMany, type Progress } from './bulk';

const replayAll: Bulk = {
  action: 'replay',
  services: ['orders', 'payments'],
  filter: { contract: 'orders.place-order' },
  rate: 10,
};

/** Services that answer one request after the other. */
function services(answers: Record<string, Batch[]>) {
  const asked: [string, unknown][] = [];
  const told: Progress[] = [];
  const decide = (bulk: Bulk, isStopped = () => false) =>
    decideAboutMany(
      bulk,
      async (service, _action, request) => {
        asked.push([service, request]);
        return answers[service]!.shift()!;
      },
      (progress) => told.push(progress),
      isStopped,
    );
  return { asked, told, decide };
}

describe('a replay of many letters', () => {
  it('asks each service until none is left, and leaves out what died meanwhile', async () => {
    const { asked, told, decide } = services({
      orders: [
        { upTo: '9', done: ['1', '2'], gone: ['3'], left: 1 },
        { upTo: '9', done: ['4'], gone: [], left: 0 },
      ],
      payments: [{ upTo: '5', done: ['5'], gone: [], left: 0 }],
    });
    expect(await decide(replayAll)).toEqual({ done: 4, gone: 1 });
    const { filter, rate } = replayAll;
    expect(asked).toEqual([
      ['orders', { filter, rate, limit: 1_000 }],
      ['orders', { filter: { ...filter, upTo: '9' }, rate, limit: 1_000 }],
      ['payments', { filter, rate, limit: 1_000 }],
    ]);
    expect(told).toEqual([
      { done: 2, gone: 1 },
      { done: 3, gone: 1 },
      { done: 4, gone: 1 },
    ]);
  });

  it('asks for no more than the limit, in all services together', async () => {
    const { asked, decide } = services({
      orders: [{ done: ['1', '2'], gone: [], left: 0 }],
      payments: [{ done: ['5'], gone: [], left: 7 }],
    });
    expect(await decide({ ...replayAll, limit: 3 })).toEqual({ done: 3, gone: 0 });
    expect(asked.map(([, request]) => (request as { limit: number }).limit)).toEqual([3, 1]);
  });

  it('stops between two requests when the operator does', async () => {
    let stopped = false;
    const { asked, decide } = services({ orders: [{ done: ['1'], gone: [], left: 9 }] });
    const deciding = decide(replayAll, () => stopped);
    stopped = true;
    expect(await deciding).toEqual({ done: 1, gone: 0 });
    expect(asked).toHaveLength(1);
  });

  it('ends where a service has some left and can do nothing with them', async () => {
    const { asked, decide } = services({ orders: [{ done: [], gone: [], left: 2 }] });
    expect(await decide({ ...replayAll, services: ['orders'] })).toEqual({ done: 0, gone: 0 });
    expect(asked).toHaveLength(1);
  });

  it('passes the reason on, and fails with the service', async () => {
    const { asked, decide } = services({ orders: [{ done: ['1'], gone: [], left: 0 }] });
    await decide({ ...replayAll, action: 'discard', services: ['orders'], reason: 'a test' });
    expect(asked[0]![1]).toMatchObject({ reason: 'a test' });
    const failing = decideAboutMany(
      replayAll,
      () => Promise.reject(new Error('away')),
      () => undefined,
      () => false,
    );
    await expect(failing).rejects.toThrow('away');
  });
});
