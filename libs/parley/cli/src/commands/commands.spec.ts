import { at, parley, type Ran, RecordedTerminal, ScriptedInstance } from '../command-line.fixture';

const DEAD = 'http://127.0.0.1:1';

let orders: ScriptedInstance;
let payments: ScriptedInstance;
beforeAll(async () => {
  [orders, payments] = [await ScriptedInstance.start(), await ScriptedInstance.start()];
});
beforeEach(() => [orders, payments].forEach((one) => one.clear()));
afterAll(() => Promise.all([orders.instance.stop(), payments.instance.stop()]));

const both = () => ({ orders: [orders.url], payments: [payments.url] });
const run = (...words: string[]): Promise<Ran> => parley(words, { surroundings: at(both()) });
const json = async (...words: string[]): Promise<unknown> =>
  JSON.parse((await run(...words, '--json')).out);

describe('sagas and saga', () => {
  const LETTERS = 'GET /operations/dead-letters?newest=true&limit=1000';
  const saga = (key: string, correlationId: string, done = false) => ({
    ...{ name: 'fulfilment', key, stage: 'releasing', done, version: 3, correlationId },
    ...{ startedAt: '2026-11-23T09:00:00.000Z', changedAt: '2026-11-23T09:00:01.000Z' },
  });
  const headers = { type: 'inventory.reserve-stock', correlationid: 'c-2' };
  const letters = { body: { count: 1, deadLetters: [{ id: '3', holds: true, headers }] } };

  it('lists sagas with the dead letters of their conversations', async () => {
    const sagas = [saga('o-1', 'c-1'), saga('o-2', 'c-2', true)];
    orders.answers['GET /operations/sagas?limit=50'] = [{ body: sagas }, { body: sagas }];
    payments.answers[LETTERS] = [letters, letters];
    const { out } = await run('sagas');
    expect(out).toMatch(/orders\/fulfilment +o-1 +releasing +running/);
    expect(out).toMatch(
      /o-2 +releasing +done .*payments\/3 \(inventory\.reserve-stock, its lane waits\)/,
    );
    expect(await json('sagas')).toMatchObject([
      { service: 'orders', saga: 'fulfilment', key: 'o-1', done: false, deadLetters: [] },
      { key: 'o-2', done: true, deadLetters: ['payments/3'] },
    ]);
  });

  it('lists the stuck ones alone, and says when some may be missing', async () => {
    orders.answers[LETTERS] = [{ status: 503, body: { message: 'no answer within 3000 ms' } }];
    payments.answers[LETTERS] = [letters];
    orders.answers['GET /operations/sagas?limit=50&conversations=["c-2"]'] = [
      { body: [saga('o-2', 'c-2', true)] },
    ];
    const { out, err } = await run('sagas', '--stuck');
    expect(out).toMatch(/o-2 +releasing +done/);
    expect(err).toBe('orders: its dead letters cannot be read; a stuck saga may be missing\n');
  });

  const details = {
    ...saga('o-2', 'c-2'),
    state: { orderId: 'o-2' },
    history: [
      {
        at: '2026-11-23T09:00:00.000Z',
        trigger: 'orders.order-placed',
        to: 'reserving',
        said: ['inventory.reserve-stock'],
      },
      {
        at: '2026-11-23T09:00:01.000Z',
        trigger: 'timeout',
        from: 'reserving',
        to: 'releasing',
        said: [],
      },
    ],
    timeouts: [
      { name: 'payment', due: '2026-11-23T09:10:00.000Z', times: 0, failures: 2, error: 'away' },
    ],
  };

  it('shows one with its history, found by its key', async () => {
    orders.answers = {
      'GET /operations/sagas?limit=1000': [{ body: [saga('o-1', 'c-1'), saga('o-3', 'c-3')] }],
      'GET /operations/sagas/fulfilment/o-2': [{ body: details }],
    };
    payments.answers[LETTERS] = [letters];
    const { code, out } = await run('saga', 'o-2');
    expect(code).toBe(1);
    for (const part of [
      'orders/fulfilment/o-2  releasing (running)',
      'reserving → releasing',
      'inventory.reserve-stock',
      'payments/3 (inventory.reserve-stock, its lane waits)',
      '"orderId": "o-2"',
    ])
      expect(out).toContain(part);
    expect(out).toMatch(/payment +2026-11-23 09:10:00Z +0 +2 +away/);
  });

  it('says in one sentence why it does not go on', async () => {
    const waits = { waitsFor: ['payments.captured'], asked: ['payments.charge'], timeouts: [] };
    const answered = (more: object) =>
      (orders.answers = {
        'GET /operations/sagas/fulfilment/o-2': [
          {
            body: {
              ...{ ...details, ...waits },
              waitsSince: new Date(Date.now() - 26 * 60_000).toISOString(),
              ...more,
            },
          },
        ],
      });
    const why = async () => ((await json('saga', 'orders/fulfilment/o-2')) as { why: string }).why;
    answered({});
    payments.answers = {
      'GET /operations/contracts': [
        {
          body: [
            {
              ...{ name: 'payments.charge', kind: 'command', owner: 'payments', version: 1 },
              handlers: [{ handler: 'Payments.charge', subscription: 'payments' }],
            },
          ],
        },
      ],
      'GET /operations/status': [
        {
          body: {
            paused: [
              {
                subscription: 'payments',
                since: Date.parse('2026-11-23T12:04:00Z'),
                reason: 'no db',
              },
            ],
          },
        },
      ],
    };
    expect(await why()).toBe(
      'waits 26 min for payments.captured; its consumer is paused since 12:04: no db',
    );
    answered({
      timeouts: [
        {
          name: 'late',
          due: '9999-01-01T00:00:00Z',
          times: 0,
          failures: 9,
          paused: true,
          error: 'away',
        },
      ],
    });
    expect(await why()).toBe('asks: its timeout "late" failed 9 times and is paused: away');
    answered({ deadSteps: [{ id: '4', contract: 'payments.captured', error: 'TypeError: x' }] });
    expect(await why()).toBe(
      'asks: its step for payments.captured died in orders.fulfilment: TypeError: x (dead letter orders/4)',
    );
    payments.answers[LETTERS] = [letters];
    answered({});
    expect(await why()).toBe(
      'waits 26 min for payments.captured; inventory.reserve-stock is dead letter payments/3',
    );
    payments.answers = {};
    answered({
      timeouts: [
        { name: 'late', due: '2026-11-23T09:10:00.000Z', times: 0, failures: 2, error: 'away' },
      ],
    });
    expect(await why()).toBe(
      'waits 26 min for payments.captured; its timeout "late" failed 2 times: away',
    );
  });

  it('is repaired at the version that was seen, with a reason', async () => {
    const path = 'GET /operations/sagas/fulfilment/o-2';
    const seen = { body: { version: 3, stage: 'charging' } };
    orders.answers = {
      [path]: [seen, { body: { version: 4, stage: 'shipping' } }],
      'POST /operations/sagas/fulfilment/o-2/skip': [{ status: 202, body: { done: true } }],
    };
    const skip = ['sagas', 'skip', 'orders/fulfilment/o-2', '--step', 'payments.captured'];
    const { out } = await run(...skip, '--answer', '{"amount":5}', '--reason', 'paid by phone');
    expect(out).toBe('orders/fulfilment/o-2 goes on without it; it is at shipping.\n');
    expect(orders.bodies).toEqual([
      {
        ...{ version: 3, reason: 'paid by phone', step: 'payments.captured' },
        answer: { amount: 5 },
      },
    ]);
    orders.answers = {
      [path]: [seen],
      'POST /operations/sagas/fulfilment/o-2/cancel': [
        { status: 409, body: { message: 'o-2 changed meanwhile' } },
      ],
    };
    expect(await run('sagas', 'cancel', 'orders/fulfilment/o-2', '--reason', 'no')).toMatchObject({
      code: 1,
      err: 'o-2 changed meanwhile\n',
    });
  });

  it.each([
    ['resume'],
    ['resume', 'orders/fulfilment'],
    ['resume', 'orders/fulfilment/o-2'],
    ['burn', 'orders/fulfilment/o-2', '--reason', 'x'],
    ['skip', 'orders/fulfilment/o-2', '--reason', 'x'],
    ['skip', 'orders/fulfilment/o-2', '--reason', 'x', '--step', 's', '--answer', '[]'],
  ])('is not repaired by %s %s %s', async (...words) => {
    orders.answers['GET /operations/sagas/fulfilment/o-2'] = [{ body: { version: 3 } }];
    expect((await run('sagas', ...words)).code).toBe(2);
    expect(orders.bodies).toEqual([]);
  });

  it('shows one by its whole name, and none that is not there', async () => {
    orders.answers['GET /operations/sagas/fulfilment/o-2'] = [{ body: details }];
    expect(await json('saga', 'orders/fulfilment/o-2')).toMatchObject({
      ...{ service: 'orders', saga: 'fulfilment', key: 'o-2', deadLetters: [] },
      history: [{ sent: ['inventory.reserve-stock'] }, { from: 'reserving' }],
    });
    expect(await run('saga', 'o-9')).toMatchObject({
      ...{ code: 1, err: 'There is no saga o-9; name it whole: <service>/<saga>/<key>.\n' },
    });
  });
});

describe('overdue', () => {
  it('lists handlers of any instance, and says when there are none', async () => {
    const one = {
      ...{ contract: 'payments.charge-payment', id: 'm-1', age: 75_400, ended: true },
      handler: 'PaymentController.charge',
    };
    payments.answers['GET /operations/overdue'] = [{ body: [one] }, { body: [] }];
    const { code, out } = await run('overdue');
    expect(code).toBe(1);
    expect(out).toMatch(
      /payments +http.* payments.charge-payment +m-1 +PaymentController.charge +75 s +ended\n/,
    );
    expect(await run('overdue')).toMatchObject({
      ...{ code: 0, out: 'No handler is over its timeout.\n' },
    });
  });
});

describe('concurrency', () => {
  it('tells every instance how many messages to handle at the same time', async () => {
    orders.answers['POST /operations/concurrency/orders.saga'] = [
      { body: { subscription: 'orders.saga', before: 10, concurrency: 4 } },
    ];
    const { code, out, err } = await parley(
      ['concurrency', 'orders.saga', '4', '--reason', 'slow'],
      {
        surroundings: at({ orders: [orders.url, DEAD] }),
      },
    );
    expect(orders.bodies).toEqual([{ concurrency: 4, reason: 'slow' }]);
    expect(out).toMatch(/orders.saga +http:\S+ +4 +10/);
    expect([code, err]).toEqual([1, expect.stringMatching(/^orders at .* does not answer/)]);
  });

  it('lists a subscription, and refuses one that is not there', async () => {
    const subscriptions = [
      { kind: 'event', subscription: 'orders.saga', concurrency: 10 },
      { kind: 'command', subscription: 'orders', concurrency: 2 },
    ];
    const answer = { body: { subscriptions } };
    orders.answers['GET /operations/concurrency'] = [answer, answer];
    expect(await json('concurrency', 'orders.saga')).toMatchObject([
      { service: 'orders', subscription: 'orders.saga', kind: 'event', concurrency: 10 },
    ]);
    expect(await run('concurrency', 'orders.other')).toMatchObject({
      ...{ code: 1, err: 'There is no subscription orders.other.\n' },
    });
  });
});

describe('explain', () => {
  const says = {
    ...{ technology: 'postgres', address: 'postgres://db/parley' },
    hops: [{ what: 'log', name: 'parley.event', why: 'kept' }],
  };
  const contract = {
    ...{ name: 'orders.order-placed', kind: 'event', owner: 'orders', version: 1, key: 'orderId' },
  };
  const handler = {
    ...{ contract: 'orders.order-placed', kind: 'event', handler: 'FiguresController.placed' },
    ...{ subscription: 'payments.figures', key: 'orderId', concurrency: 10, from: 'beginning' },
    ...{ live: false, timeout: 30_000, transaction: 'handler' },
    retry: { immediate: 3, delays: [1_000], unfinished: 4 },
  };
  const PATH = 'GET /operations/explain/orders.order-placed';

  it('draws the way of a contract from its owner to its handlers', async () => {
    orders.answers[PATH] = [{ body: { contract, says, handlers: [] } }];
    payments.answers[PATH] = [{ body: { contract, says, handlers: [handler] } }];
    const { out } = await run('explain', 'orders.order-placed');
    for (const part of [
      'sent by orders, carried by postgres at postgres://db/parley',
      'parley.event',
      'payments.figures',
      'FiguresController.placed',
      '3 more tries at once, deliveries again after 1 s',
      'after 4 handlings alone without an outcome (its process ended), a dead letter, too',
    ])
      expect(out).toContain(part);
  });

  it('draws as senders of a command those who may send it', async () => {
    const command = { ...contract, kind: 'command' };
    const answers = () => [{ body: { contract: command, says, handlers: [] } }];
    [orders.answers[PATH], payments.answers[PATH]] = [answers(), answers()];
    expect((await run('explain', 'orders.order-placed')).out).toContain(
      'sent by orders, payments,',
    );
    [orders.answers[PATH], payments.answers[PATH]] = [answers(), answers()];
    const surroundings = { ...at(both()), sendersOf: () => ['payments'] };
    const { out } = await parley(['explain', 'orders.order-placed'], { surroundings });
    expect(out).toContain('sent by payments,');
  });

  it('knows which contracts nobody knows', async () => {
    expect(await run('explain', 'a.b')).toMatchObject({
      ...{ code: 1, err: 'No service that runs knows a contract a.b.\n' },
    });
  });
});

describe('contracts', () => {
  const known = (name: string, kind: string, handlers: object[] = [], version = 1) => ({
    ...{ name, kind, owner: name.split('.')[0], version, handlers },
  });
  const ofOrders = [
    known('orders.order-placed', 'event', [], 2),
    known('payments.charge-payment', 'command'),
  ];
  const figures = { handler: 'FiguresController.placed', subscription: 'payments.figures' };
  const ofPayments = [
    known('orders.order-placed', 'event', [figures], 3),
    known('payments.charge-payment', 'command', [{ handler: 'PaymentController.charge' }]),
  ];
  const PATH = 'GET /operations/contracts';
  const answer = () => {
    orders.answers[PATH] = [{ body: ofOrders }];
    payments.answers[PATH] = [{ body: ofPayments }];
  };

  it('lists each once, with who may send it and who handles it', async () => {
    answer();
    const { code, out } = await run('contracts');
    expect(code).toBe(0);
    expect(out).toMatch(/orders.order-placed +event +orders +2 +orders +payments.figures/);
    expect(out).toMatch(
      /payments.charge-payment +command +payments +1 +orders, payments +payments\n/,
    );
  });

  it('knows the version of the owner, the senders that are declared, and every handler', async () => {
    answer();
    const surroundings = { ...at(both()), sendersOf: () => ['orders'] };
    const { out } = await parley(['contracts', '--json'], { surroundings });
    expect(JSON.parse(out)).toEqual([
      {
        ...{ contract: 'orders.order-placed', kind: 'event', owner: 'orders', version: 2 },
        senders: ['orders'],
        handlers: [{ service: 'payments', version: 3, ...figures }],
      },
      {
        ...{ contract: 'payments.charge-payment', kind: 'command', owner: 'payments', version: 1 },
        senders: ['orders'],
        handlers: [{ service: 'payments', version: 1, handler: 'PaymentController.charge' }],
      },
    ]);
  });

  it('takes the highest version where the owner does not answer', async () => {
    payments.answers[PATH] = [{ body: ofPayments }];
    const { out, err } = await parley(['contracts', '--json'], {
      surroundings: at({ orders: [DEAD], payments: [payments.url] }),
    });
    expect(JSON.parse(out)).toMatchObject([{ version: 3, senders: ['orders'] }, {}]);
    expect(err).toMatch(/^orders.* does not answer/);
  });
});

describe('topology and doctor', () => {
  const technology = { technology: 'rabbitmq', address: 'amqp://mq' };

  it('prints what must exist, a technology once, whoever uses it', async () => {
    const queue = { what: 'queue', name: 'orders', settings: { durable: true } };
    const answer = { body: [{ ...technology, resources: [queue] }] };
    for (const one of [orders, payments])
      one.answers['GET /operations/topology'] = [answer, answer];
    expect(await run('topology')).toEqual({
      code: 0,
      err: '',
      out: [
        '- technology: rabbitmq',
        '  address: amqp://mq',
        '  services:',
        '    - orders',
        '    - payments',
        '  resources:',
        '    - queue: orders',
        '      durable: true',
        '',
      ].join('\n'),
    });
    expect(await json('topology')).toEqual([
      {
        ...technology,
        ...{
          services: ['orders', 'payments'],
          type: 'queue',
          name: 'orders',
          settings: { durable: true },
        },
      },
    ]);
  });

  it('says what is unsafe, and fails', async () => {
    const findings = [
      { what: 'fsync off', verdict: 'unsafe', says: 'set fsync = on' },
      { what: 'synchronous_commit on', verdict: 'safe', says: 'fine' },
    ];
    orders.answers['GET /operations/doctor'] = [{ body: [{ ...technology, findings }] }];
    expect(await run('doctor')).toMatchObject({
      code: 1,
      out: expect.stringContaining('✗ fsync off\n    set fsync = on\n  ✓ synchronous_commit on'),
    });
  });
});

describe('erase', () => {
  const PATH = '/operations/subjects/o-1';
  const known = (ownCopies?: string) => ({
    body: { subject: 'o-1', known: true, since: '2026-11-23T09:00:00.000Z', ownCopies },
  });

  it('says what is known of a subject and who keeps copies, and changes nothing, in a dry run', async () => {
    orders.answers[`GET ${PATH}`] = [known('its table of customers')];
    payments.answers[`GET ${PATH}`] = [known()];
    const { code, out } = await run('erase', 'o-1', '--dry-run');
    expect(code).toBe(0);
    expect(out).toMatch(
      /^o-1 has a key since 2026-11-23T09:00:00.000Z; .*\nown copies.*\n  orders +its table of customers\n$/,
    );
    expect([...orders.bodies, ...payments.bodies]).toEqual([]);
  });

  it('must be told twice', async () => {
    orders.answers[`GET ${PATH}`] = [known(), known(), known()];
    expect(await run('erase', 'o-1')).toMatchObject({
      code: 2,
      err: expect.stringContaining('This cannot be undone: say --yes.'),
    });
    const typed = (answer: string) =>
      parley(['erase', 'o-1'], {
        ...{ terminal: new RecordedTerminal(false, answer), surroundings: at(both()) },
      });
    expect(await typed('o-2')).toMatchObject({ code: 1, err: 'Nothing was erased.\n' });
    orders.answers[`POST ${PATH}/erase`] = [{ body: { outcome: 'erased' } }];
    expect(await typed('o-1')).toMatchObject({
      code: 0,
      out: expect.stringContaining('o-1 is erased; '),
    });
  });

  it('erases in each service, under the name of who asks', async () => {
    orders.answers = {
      [`GET ${PATH}`]: [known()],
      [`POST ${PATH}/erase`]: [{ body: { outcome: 'erased', ownCopies: 'its table' } }],
    };
    payments.answers[`POST ${PATH}/erase`] = [{ body: { outcome: 'erased before' } }];
    const { out } = await run('erase', 'o-1', '--yes', '--reason', 'she asked');
    expect(out).toMatch(
      /^o-1 is erased; .* within a minute\.\nown copies.*\n  orders +its table\n$/,
    );
    expect([orders.bodies, payments.bodies]).toEqual([
      [{ reason: 'she asked' }],
      [{ reason: 'she asked' }],
    ]);
    expect([...orders.operators, ...payments.operators]).toEqual(['ada', 'ada']);
  });

  it('knows of whom no message says anything', async () => {
    orders.answers['GET /operations/subjects/o-2'] = [{ body: { subject: 'o-2', known: false } }];
    expect(await run('erase', 'o-2', '--yes')).toMatchObject({
      ...{ code: 1, err: 'No message says anything personal of o-2: it has no key.\n' },
    });
  });
});
