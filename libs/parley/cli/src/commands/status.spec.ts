import { at, parley, ScriptedInstance } from '../command-line.fixture';

const DEAD = 'http://127.0.0.1:1';

let orders: ScriptedInstance;
let payments: ScriptedInstance;
beforeAll(async () => {
  [orders, payments] = [await ScriptedInstance.start(), await ScriptedInstance.start()];
});
beforeEach(() => [orders, payments].forEach((one) => one.clear()));
afterAll(() => Promise.all([orders.instance.stop(), payments.instance.stop()]));

const up = { status: 'up' };
const READY = { status: 'ok', details: { database: up } };

function answering(service: string, health: object, changes: Record<string, object> = {}) {
  const ill = 'status' in health && health.status === 'error';
  const item = { subscription: service, waiting: 1, parked: 0, delayed: 0, dead: 0 };
  const bodies = {
    '/operations/status': { service, instance: `${service}-1`, build: 'b1', uptime: 60 },
    '/operations/backlog': [item],
    '/operations/dead-letters?limit=1': { count: 0, deadLetters: [] },
    '/operations/overdue': [],
    ...changes,
  };
  return {
    'GET /health/ready': [{ status: ill ? 503 : 200, body: health }],
    ...Object.fromEntries(
      Object.entries(bodies).map(([path, body]) => [`GET ${path}`, [{ body }]]),
    ),
  };
}

const status = (addresses: Record<string, string[]>, ...options: string[]) =>
  parley(['status', ...options], { surroundings: at(addresses) });

describe('status', () => {
  it('says that nothing needs a person', async () => {
    orders.answers = answering('orders', READY);
    const { code, out } = await status({ orders: [orders.url] });
    expect(code).toBe(0);
    expect(out).toMatch(
      /^1 of 1 instances are ready\.\n[^]*orders +1 +0 +0 +0\n\nNothing needs a person\.\n$/,
    );
  });

  it('names the root cause once, for all instances that have it', async () => {
    const down = {
      status: 'error',
      details: {
        database: { status: 'down', message: 'connect ECONNREFUSED' },
        'command (postgres)': { status: 'down', state: 'disconnected', reason: 'connection lost' },
      },
    };
    orders.answers = answering('orders', down);
    payments.answers = answering('payments', down);
    const { code, out } = await status({ orders: [orders.url], payments: [payments.url] });
    expect(code).toBe(1);
    expect(out.split('Needs a person:\n')[1]).toBe(
      `  orders-1 at ${orders.url}, payments-1 at ${payments.url} are not ready: database: connect ECONNREFUSED\n`,
    );
  });

  it('lists pauses, dead letters, degraded and silent instances, and handlers over their timeout', async () => {
    const paused = [{ kind: 'command', subscription: 'payments', reason: 'provider away' }];
    const degraded = {
      status: 'degraded',
      details: {
        database: up,
        'command (postgres)': { ...up, degraded: true, reason: '20 of 20 failed' },
      },
    };
    const overdue = {
      contract: 'payments.charge',
      id: 'm-1',
      handler: 'Charges.charge',
      age: 75_400,
      ended: false,
    };
    const changes = {
      '/operations/status': { service: 'payments', instance: 'payments-1', paused },
      '/operations/dead-letters?limit=1': { count: 2, deadLetters: [] },
      '/operations/overdue': [overdue],
      '/operations/backlog': [
        { subscription: 'payments', waiting: 79, parked: 3, delayed: 0, dead: 2 },
      ],
    };
    payments.answers = answering('payments', degraded, changes);
    const addresses = { payments: [payments.url], orders: [DEAD] };
    const { code, out } = await status(addresses);
    expect(code).toBe(1);
    expect(out).toContain('1 of 2 instances are ready.');
    expect(out).toMatch(/payments +79 +3 +0 +2 +paused/);
    expect(out.split('Needs a person:\n')[1]?.split('\n')).toEqual([
      `  payments-1 at ${payments.url} is degraded: command (postgres): 20 of 20 failed`,
      expect.stringContaining(`  orders at ${DEAD} is not answering: fetch failed`),
      '  payments is paused: provider away',
      '  payments has 2 dead letters: parley dead-letters list --service payments',
      `  Charges.charge of payments at ${payments.url} handles payments.charge since 75 s, over its timeout`,
      '',
    ]);
    payments.answers = answering('payments', degraded, changes);
    expect(JSON.parse((await status(addresses, '--json')).out)).toMatchObject({
      isWell: false,
      instances: [
        { service: 'payments', instance: 'payments-1', state: 'degraded' },
        { service: 'orders', url: DEAD, state: 'silent' },
      ],
      subscriptions: [{ subscription: 'payments', parked: 3, paused: 'provider away' }],
      deadLetters: [{ service: 'payments', count: 2 }],
      overdue: [{ handler: 'Charges.charge', ageMs: 75_400 }],
    });
  });

  it('takes the health of an application that has operations alone from its consumers', async () => {
    const intakes = [
      { kind: 'event', technology: 'kafka', state: 'disconnected', reason: 'ECONNREFUSED' },
    ];
    orders.answers = answering('orders', READY, {
      '/operations/status': { service: 'orders', instance: 'orders-1', intakes },
    });
    delete orders.answers['GET /health/ready'];
    const { code, out } = await status({ orders: [orders.url] });
    expect(code).toBe(1);
    expect(out).toContain(`orders-1 at ${orders.url} is not ready: event (kafka): ECONNREFUSED`);
  });
});
