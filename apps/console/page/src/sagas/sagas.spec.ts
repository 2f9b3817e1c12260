import { sagasIn, timelineOf } from './sagas';

const saga = (key: string, startedAt: string) => ({
  ...{ name: 'fulfilment', key, done: false, startedAt, changedAt: startedAt },
});

describe('the sagas of all services', () => {
  it('come the latest first, with whose are missing', () => {
    const found = sagasIn([
      { service: 'orders', items: [saga('a', '2026-11-23T08:00:00Z')] },
      { service: 'shipping', items: [saga('b', '2026-11-23T08:30:00Z')] },
      { service: 'payments', error: 'refused' },
      { service: 'gateway', error: { status: 404 } },
      { service: 'inventory', incomplete: 'its dead letters cannot be read' },
    ]);
    expect(found.rows.map(({ key }) => key)).toEqual(['b', 'a']);
    expect(found.unanswered).toEqual(['payments']);
    expect(found.incomplete).toEqual([
      { service: 'inventory', why: 'its dead letters cannot be read' },
    ]);
    expect(found.problem).toBeUndefined();
  });

  it('are none where the filter makes no sense, with the reason', () => {
    const error = { status: 400, message: '"soon" is no duration' };
    expect(sagasIn([{ service: 'orders', error }]).problem).toBe('"soon" is no duration');
  });
});

describe('the way of a saga', () => {
  const NOW = Date.parse('2026-11-23T09:00:00Z');
  const step = (at: string, trigger: string, from: string | undefined, to: string) => ({
    ...{ at, trigger, ...(from !== undefined && { from }), to, said: ['inventory.reserve-stock'] },
  });
  const timeout = (name: string, due: string, failures = 0) => ({
    ...{ name, due, times: failures, failures, ...(failures > 0 && { error: 'away' }) },
  });

  it('has its steps, each with the time since the one before', () => {
    const history = [
      step('2026-11-23T08:00:00.000Z', 'orders.order-placed', undefined, 'reserving'),
      step('2026-11-23T08:00:01.500Z', 'inventory.stock-reserved', 'reserving', 'charging'),
      step('2026-11-23T08:00:02.000Z', 'reminder', 'charging', 'charging'),
    ];
    expect(timelineOf({ history, timeouts: [] }, NOW)).toMatchObject([
      { what: 'orders.order-placed', stages: 'reserving', state: 'past' },
      { what: 'inventory.stock-reserved', stages: 'reserving → charging', after: 1.5 },
      { what: 'reminder', after: 0.5 },
    ]);
    expect(timelineOf({ history, timeouts: [] }, NOW)[2]).not.toHaveProperty('stages');
  });

  it('goes on with its timeouts: to come, over their time, or failing', () => {
    const timeouts = [
      timeout('parcel', '2026-11-23T10:00:00Z'),
      timeout('payment', '2026-11-23T08:59:00Z'),
      timeout('stock', '2026-11-23T08:58:00Z', 2),
    ];
    expect(timelineOf({ history: [], timeouts }, NOW)).toMatchObject([
      { what: 'timeout stock', state: 'failing', problem: 'failed 2 times: away' },
      { what: 'timeout payment', state: 'overdue' },
      { what: 'timeout parcel', state: 'to come' },
    ]);
  });
});
