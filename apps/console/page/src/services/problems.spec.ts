import type { Instance } from '../api/types';
import { problemsOf } from './problems';

const instance = (service: string, more: Partial<Instance> = {}): Instance => ({
  service,
  url: `http://127.0.0.1:${service.length}`,
  state: 'ready',
  causes: [],
  status: { instance: `${service}-1` },
  ...more,
});
const down = (service: string, cause = 'database: refused') =>
  instance(service, { state: 'not ready', causes: [cause] });
const nothing = { instances: [], backlog: [], overdue: [], deadLetters: [] };

describe('what needs a person', () => {
  it('is nothing where all is well', () => {
    const items = [{ subscription: 'orders', waiting: 9, parked: 1, delayed: 1, dead: 0 }];
    expect(
      problemsOf({
        instances: [instance('orders')],
        backlog: [{ service: 'orders', items }],
        overdue: [{ service: 'orders', url: 'http://a', items: [] }],
        deadLetters: [{ service: 'orders', count: 0, deadLetters: [] }],
      }),
    ).toEqual([]);
  });

  it('names a cause once, for all instances that have it, the widest first', () => {
    const found = problemsOf({
      ...nothing,
      instances: [
        down('catalog', 'call (grpc): port taken'),
        down('orders'),
        instance('gateway', { state: 'silent', causes: ['refused'], status: undefined }),
        down('payments'),
      ],
    });
    expect(found.map(({ who, what }) => `${who} ${what}`)).toEqual([
      'orders-1, payments-1 not ready: database: refused',
      'gateway at 127.0.0.1:7 not answering: refused',
      'catalog-1 not ready: call (grpc): port taken',
    ]);
  });

  it('tells of a pause once, however many instances are paused', () => {
    const paused = [{ subscription: 'orders.saga', reason: 'away' }];
    const one = instance('orders', { status: { paused } });
    expect(problemsOf({ ...nothing, instances: [one, one] })).toMatchObject([
      { severity: 'bad', who: 'orders.saga', what: 'paused: away' },
    ]);
  });

  it('tells of messages that are stored but not sent, and of dead letters with their place', () => {
    const outbox = { waiting: 3, oldestAge: 61_000, reasons: ['kafka: away'] };
    const fresh = { waiting: 3, oldestAge: 2_000 };
    const found = problemsOf({
      ...nothing,
      instances: [
        instance('orders', { status: { outbox } }),
        instance('catalog', { status: { outbox: fresh } }),
      ],
      deadLetters: [
        { service: 'orders', count: 1, deadLetters: [] },
        { service: 'payments', count: 12, deadLetters: [] },
      ],
    });
    expect(found.map(({ who, what }) => `${who} ${what}`)).toEqual([
      'orders 3 messages stored, but not sent for 1 min: kafka: away',
      'payments 12 dead letters',
      'orders 1 dead letter',
    ]);
    expect(found[1]!.leadsTo).toEqual({ deadLettersOf: 'payments' });
  });

  it('puts what only warns behind: degraded instances, handlers that do not end', () => {
    const run = { contract: 'a.b', id: 'm-1', handler: 'C.run', age: 75_400, ended: true };
    const found = problemsOf({
      ...nothing,
      instances: [
        instance('catalog', { state: 'degraded', causes: ['event (kafka): away'] }),
        down('orders'),
      ],
      overdue: [{ service: 'payments', url: 'http://p', items: [run] }],
    });
    expect(found.map(({ severity, who }) => `${severity} ${who}`)).toEqual([
      'bad orders-1',
      'warn payments',
      'warn catalog-1',
    ]);
    expect(found[1]!.what).toBe(
      '1 handler over the timeout and still running, the longest for 1 min: C.run',
    );
  });

  it('says of a pause and of overdue handlers once, not again as what degrades an instance', () => {
    const paused = [{ subscription: 'orders.saga', reason: 'all failed; the last: away' }];
    const late =
      '1 over their timeout and still running, the oldest for 75 s: payments.charge-payment m-1';
    const causes = [
      'event (postgres): orders.saga: all failed; the last: away',
      `command (postgres): orders.saga: all failed; the last: away; ${late}`,
      'event (kafka): orders.saga: all failed; the last: away; and the broker is away',
      'broadcast (redis): away',
    ];
    const orders = instance('orders', { state: 'degraded', causes, status: { paused } });
    const run = { contract: 'payments.charge-payment', id: 'm-1', handler: 'C.run', age: 75_400 };
    const found = problemsOf({
      ...nothing,
      instances: [orders],
      overdue: [{ service: 'orders', url: orders.url, items: [{ ...run, ended: false }] }],
    });
    expect(found.map(({ severity, what }) => `${severity} ${what}`)).toEqual([
      'bad paused: all failed; the last: away',
      'warn 1 handler over the timeout and still running, the longest for 1 min: C.run',
      `warn degraded: ${causes[2]}`,
      'warn degraded: broadcast (redis): away',
    ]);
  });

  it('says what could not be read, unless there is nothing of the kind, or nobody to ask', () => {
    const away = { error: { status: 503, message: 'no answer' } };
    const instances = [
      instance('orders'),
      instance('catalog'),
      instance('gateway', { state: 'silent', causes: ['refused'] }),
    ];
    const found = problemsOf({
      ...nothing,
      instances,
      backlog: [
        { service: 'orders', ...away },
        { service: 'catalog', error: { status: 404 } },
        { service: 'gateway', error: 'refused' },
      ],
    });
    expect(found.map(({ who, what }) => `${who}: ${what}`).slice(1)).toEqual([
      'orders: the backlog cannot be read',
    ]);
  });
});
