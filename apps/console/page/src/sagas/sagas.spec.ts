import { repairsOf, sagasIn, timelineOf } from './sagas';

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

  it('tells of a repair who, why and what it changed, and of a paused timeout that it asks', () => {
    const changes = [{ field: 'stage', from: '"a"', to: '"b"' }];
    const repair = { ...step('2026-11-23T08:00:00.000Z', 'resume', 'a', 'b'), changes };
    const moments = timelineOf(
      {
        history: [{ ...repair, who: 'ada', reason: 'it is back' }],
        timeouts: [{ ...timeout('late', '3026-01-01T00:00:00Z', 9), paused: true }],
      },
      NOW,
    );
    expect(moments).toMatchObject([
      { by: 'ada: it is back', changes },
      { what: 'timeout late', state: 'asks', problem: 'failed 9 times: away' },
    ]);
  });
});

describe('the repairs of a saga', () => {
  const late = { name: 'late', due: '3026-01-01T00:00:00Z', times: 0, failures: 9 };
  const verbs = (saga: Partial<Parameters<typeof repairsOf>[0]>) =>
    repairsOf({ done: false, timeouts: [], cancellable: true, ...saga }).map(({ verb, steps }) =>
      `${verb} ${steps.join(', ')}`.trim(),
    );

  it('are those that fit as it stands', () => {
    expect(verbs({})).toEqual(['cancel']);
    expect(verbs({ timeouts: [late], waitsFor: ['a.b'] })).toEqual([
      'retry late',
      'skip late, a.b',
      'cancel',
    ]);
    expect(verbs({ timeouts: [{ ...late, paused: true }] })).toContain('resume');
    expect(verbs({ deadSteps: [{ id: '1', contract: 'a.b' }], waitsFor: ['a.b'] })).toEqual([
      'resume',
      'skip a.b',
      'cancel',
    ]);
  });

  it('are none of a finished one, or of a service that knows no repairs', () => {
    expect(verbs({ done: true, timeouts: [late] })).toEqual([]);
    expect(verbs({ cancellable: undefined, timeouts: [late] })).toEqual([]);
  });
});
