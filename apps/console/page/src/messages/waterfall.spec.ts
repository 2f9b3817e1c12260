import type { KeptMessage, KeptSpan } from '../api/types';
import { waterfallOf } from './waterfall';

const span = (id: string, parent: string | null, started: number, took = 1_000): KeptSpan => ({
  ...{ id, parent, started, took, trace: 't', name: id, kind: 'server', service: 'orders' },
  ...{ instance: null, build: null, failed: id === 'bad', links: null },
  attributes: { 'messaging.message.id': `message-${id}` },
});

describe('the picture of a trace', () => {
  it('has each span below its parent, from the begin of the trace', () => {
    const { bars, took } = waterfallOf({
      messages: [],
      spans: [
        span('root', null, 5_000_000, 20_000),
        span('second', 'root', 5_010_000),
        span('child', 'first', 5_003_000),
        span('first', 'root', 5_002_000),
        span('bad', 'of another process', 5_015_000, 10_000),
      ],
    });
    expect(bars.map(({ id, depth, start, isBad }) => [id, depth, start, isBad])).toEqual([
      ['root', 0, 0, false],
      ['second', 1, 10, false],
      ['first', 1, 2, false],
      ['child', 2, 3, false],
      ['bad', 0, 15, true],
    ]);
    expect(took).toBe(25);
    expect(bars[0]!.message).toBe('message-root');
  });

  it('is made of the handlings where no spans are exported', () => {
    const message = {
      ...{ id: 'm', contract: 'orders.order-placed', kind: 'event' },
      handlings: [
        {
          service: 'insights',
          subscription: 'insights',
          outcome: 'dead',
          attempt: 1,
          at: '2026-11-30T12:00:00.090Z',
          took: 40,
        },
        {
          service: 'orders',
          subscription: 'orders',
          outcome: 'done',
          attempt: 1,
          at: '2026-11-30T12:00:00.050Z',
          took: 10,
        },
      ],
    } as unknown as KeptMessage;
    const { bars, took } = waterfallOf({ spans: [], messages: [message] });
    expect(bars.map(({ service, start, isBad }) => [service, start, isBad])).toEqual([
      ['orders', 0, false],
      ['insights', 10, true],
    ]);
    expect(took).toBe(50);
  });

  it('of nothing is empty', () => {
    expect(waterfallOf({ spans: [], messages: [] })).toEqual({ bars: [], took: 0 });
  });
});
