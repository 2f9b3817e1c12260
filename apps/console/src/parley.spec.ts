import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { InstanceOnTrial } from './instance.fixture';

jest.setTimeout(30_000);

const ROOT = join(__dirname, '../../..');
const letter = {
  id: '7', subscription: 'orders.fulfilment', headers: { type: 'payments.payment-declined', contractversion: '1', producerinstance: 'payments-1' }, body: '{"orderId":"o-1","lines":[{"quantity":1}]}',
  attempts: 4, edits: 2, died: '2026-11-23T09:00:00.000Z', holds: true, group: 'c0ffee00',
  failure: { error: 'TypeError', message: 'no reason\nat all', stack: 'TypeError: no reason\n    at decide', tries: 16, instance: 'orders-1', firstFailedAt: '2026-11-23T08:59:00.000Z' },
  replay: { letter: '7', contract: 'payments.payment-declined', handler: 'FulfilmentSaga.on', expect: 'handled', why: 'it runs', lane: { key: 'o-1', held: true, waiting: 3 } },
}; // prettier-ignore

/** The console's answers, by request; the bodies it received. */
let answers: Record<string, { status?: number; body: unknown }[]>;
let got: string[];
let authorizations: (string | undefined)[];
let theConsole: InstanceOnTrial;

beforeAll(async () => {
  theConsole = await InstanceOnTrial.start((request) => {
    request.on('data', (chunk) => got.push(String(chunk)));
    authorizations.push(request.headers.authorization);
    return (
      answers[`${request.method} ${decodeURIComponent(request.url!)}`]?.shift() ?? {
        status: 404,
        body: { message: `unexpected ${request.url}` },
      }
    );
  });
});
beforeEach(() => {
  [answers, got, authorizations] = [{}, [], []];
  theConsole.asked.length = 0;
});
afterAll(() => theConsole.stop());

async function parley(...words: string[]) {
  const child = spawn(process.execPath, [join(ROOT, 'tools/parley.mjs'), ...words], {
    env: {
      PATH: process.env['PATH'],
      CONSOLE_URL: theConsole.url,
      PARLEY_OPERATOR: 'ada',
      OPERATIONS_TOKEN: 'a-token-of-operators',
    },
  });
  const output = { out: '', err: '' };
  child.stdout.on('data', (chunk) => (output.out += chunk));
  child.stderr.on('data', (chunk) => (output.err += chunk));
  const [code] = (await once(child, 'close')) as [number];
  return { code, ...output };
}

describe('npm run parley', () => {
  it.each(
    [
      [],
      ['dead-letters'],
      ...['list', 'show', 'edit', 'replay', 'discard', 'audit'].map((name) => [
        'dead-letters',
        name,
      ]),
      ['explain'],
      ['sagas'],
      ['status'],
      ['overdue'],
      ['erase'],
      ['concurrency'],
      ['topology'],
      ['doctor'],
    ].map((words) => [words]),
  )('helps with %j', async (words) => {
    expect(await parley(...words, '--help')).toMatchObject({
      code: 0,
      out: expect.stringContaining('npm run parley -- '),
      err: '',
    });
    expect(theConsole.asked).toEqual([]);
  });

  it.each([
    [['nothing'], 'There is no command "nothing"'],
    [['dead-letters', 'show', '7'], 'orders/12'],
    [['dead-letters', 'list', '--from', 'yesterday'], 'how long ago'],
    [['dead-letters', 'replay'], 'Say which'],
    [['dead-letters', 'replay', 'orders/7', '--all'], 'Either'],
    [['dead-letters', 'replay', '--all', '--rate', 'fast'], '--rate is "fast"'],
    [['dead-letters', 'discard', 'orders/7'], 'Say why'],
    [['dead-letters', 'discard', '--all', '--reason', 'x'], '--yes'],
    [['concurrency', 'orders', 'many'], 'a whole number from 1 to 1000'],
  ])('refuses %j and says what would be right', async (words, sentence) => {
    expect(await parley(...words)).toMatchObject({
      code: 2,
      err: expect.stringContaining(sentence),
    });
    expect(theConsole.asked).toEqual([]);
  });

  it('shows the token of operations, and says what to do when the console asks for another one', async () => {
    answers['GET /api/dead-letters?limit=50&newest=true'] = [
      { status: 401, body: { message: 'no' } },
    ];
    const { code, err } = await parley('dead-letters', 'list');
    expect([code, err]).toEqual([1, expect.stringContaining('set OPERATIONS_TOKEN')]);
    expect(authorizations).toEqual(['Bearer a-token-of-operators']);
  });

  it('lists letters, a line each, and names a service that does not answer', async () => {
    answers['GET /api/dead-letters?contract=a.b&limit=50&newest=true'] = [
      {
        body: [
          { service: 'orders', count: 9, deadLetters: [letter] },
          { service: 'catalog', error: 'fetch failed' },
        ],
      },
    ];
    const { out, err } = await parley('dead-letters', 'list', '--contract', 'a.b');
    expect(out).toMatch(
      /orders\/7 .*payments.payment-declined .*TypeError .*no reason +16 +holds +c0ffee00\n1 of 9/,
    );
    expect(err).toBe('catalog does not answer: fetch failed\n');
  });

  it('lists what is not dead but waits behind it', async () => {
    answers = {
      'GET /api/dead-letters?limit=50&newest=true': [
        { body: [{ service: 'orders', count: 0, deadLetters: [] }] },
      ],
      'GET /api/backlog': [
        {
          body: [
            {
              service: 'orders',
              items: [
                { subscription: 'orders.fulfilment', waiting: 0, parked: 82, delayed: 0, dead: 0 },
              ],
            },
            {
              service: 'payments',
              items: [{ subscription: 'payments', waiting: 4, parked: 0, delayed: 0, dead: 0 }],
            },
            { service: 'insights', error: 'it is away' },
          ],
        },
      ],
    };
    const { out, code } = await parley('dead-letters', 'list');
    expect(code).toBe(0);
    expect(out).toContain('There are no dead letters of that kind.');
    expect(out).toMatch(/orders\.fulfilment +82 +0/);
    expect(out).not.toContain('payments');
  });

  it('shows one whole', async () => {
    answers['GET /api/dead-letters/orders/7'] = [{ body: letter }];
    const { out } = await parley('dead-letters', 'show', 'orders/7');
    for (const part of [
      'edited 2 times',
      'payments-1',
      'at decide',
      '"quantity": 1',
      'o-1 waits for this letter, 3 behind it',
      'handled: it runs',
    ])
      expect(out).toContain(part);
  });

  it('edits a field deep inside, over nobody else, and says why it was refused', async () => {
    answers['GET /api/dead-letters/orders/7'] = [{ body: letter }];
    answers['POST /api/dead-letters/orders/7/edit'] = [
      { status: 422, body: { message: 'lines.0.quantity: too many' } },
    ];
    const { code, err } = await parley(
      'dead-letters',
      'edit',
      'orders/7',
      '--set',
      'lines.0.quantity=99',
      '--replay',
      '--reason',
      'typo',
    );
    expect([code, err]).toEqual([1, 'lines.0.quantity: too many\n']);
    expect(JSON.parse(got.join(''))).toEqual({
      body: '{"orderId":"o-1","lines":[{"quantity":99}]}',
      edits: 2,
      replay: true,
      reason: 'typo',
    });
  });

  it('lists sagas, and those that a dead letter keeps from their end', async () => {
    const saga = (key: string, dead: object[], done = false) => ({
      name: 'fulfilment',
      key,
      stage: 'releasing',
      done,
      startedAt: '2026-11-23T09:00:00.000Z',
      changedAt: '2026-11-23T09:00:01.000Z',
      dead,
    });
    const items = [
      saga('o-1', []),
      saga(
        'o-2',
        [{ letter: 'inventory/3', contract: 'inventory.reserve-stock', holds: true }],
        true,
      ),
    ];
    answers = {
      'GET /api/sagas?limit=50': [{ body: [{ service: 'orders', items }] }],
      'GET /api/sagas?stuck=true&limit=50': [
        {
          body: [
            { service: 'orders', items: items.slice(1) },
            { service: 'payments', incomplete: 'its dead letters cannot be read' },
          ],
        },
      ],
    };
    const all = (await parley('sagas')).out;
    expect(all).toMatch(/orders\/fulfilment +o-1 +releasing +running/);
    const { out: stuck, err } = await parley('sagas', '--stuck');
    expect(err).toBe('payments: its dead letters cannot be read; a stuck saga may be missing\n');
    expect(stuck).toMatch(
      /o-2 +releasing +done .*inventory\/3 \(inventory\.reserve-stock, its lane waits\)/,
    );
    expect(stuck).not.toContain('o-1');
  });

  it('lists handlers over their timeout, whatever instance they are in, and says when there are none', async () => {
    const one = {
      contract: 'payments.charge-payment',
      id: 'm-1',
      handler: 'PaymentController.charge',
      age: 75_400,
    };
    const requests = (items: object[]) => ({
      service: 'payments',
      url: 'http://payments-1',
      items,
    });
    answers['GET /api/overdue'] = [
      {
        body: [
          requests([{ ...one, ended: true }]),
          { ...requests([{ ...one, id: 'm-2', ended: false }]), url: 'http://payments-2' },
          { service: 'catalog', url: 'http://catalog-1', error: 'fetch failed' },
        ],
      },
      { body: [requests([])] },
    ];
    const { code, out, err } = await parley('overdue');
    const row = (instance: number) =>
      `payments +http://payments-${instance} +payments.charge-payment +m-${instance} +PaymentController.charge +75 s`;
    expect(out).toMatch(new RegExp(`${row(1)} +ended *\n${row(2)} *\n$`));
    expect(err).toContain('catalog does not answer: fetch failed');
    expect(code).toBe(0);
    expect((await parley('overdue')).out).toBe('No handler is over its timeout.\n');
  });

  it('replays a group in every service that has it, batch by batch, up to the letters there were', async () => {
    answers['GET /api/dead-letters/groups?group=c0ffee00'] = [
      {
        body: [
          { service: 'orders', count: 3 },
          { service: 'catalog', count: 0 },
        ],
      },
    ];
    answers['POST /api/dead-letters/orders/replay'] = [
      { body: { upTo: '9', done: ['7', '8'], gone: [], left: 1 } },
      { body: { upTo: '9', done: ['9'], gone: [], left: 0 } },
    ];
    const { code, out } = await parley(
      'dead-letters',
      'replay',
      '--group',
      'c0ffee00',
      '--rate',
      '2',
      '--json',
    );
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      done: ['orders/7', 'orders/8', 'orders/9'],
      left: 0,
      stopped: false,
    });
    expect(got.map((body) => JSON.parse(body) as object)).toMatchObject([
      { filter: { group: 'c0ffee00' }, rate: 2 },
      { filter: { group: 'c0ffee00', upTo: '9' }, rate: 2 },
    ]);
  });

  it('stops when told to, and says how far it came', async () => {
    answers['GET /api/dead-letters/groups'] = [{ body: [{ service: 'orders', count: 1_000_000 }] }];
    answers['POST /api/dead-letters/orders/replay'] = Array.from({ length: 100_000 }, () => ({
      body: { upTo: '9', done: ['7'], gone: [], left: 5 },
    }));
    const child = spawn(
      process.execPath,
      [join(ROOT, 'tools/parley.mjs'), 'dead-letters', 'replay', '--all'],
      {
        env: { PATH: process.env['PATH'], CONSOLE_URL: theConsole.url },
      },
    );
    let out = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    while (got.length === 0) await new Promise(setImmediate);
    child.kill('SIGINT');
    expect((await once(child, 'close'))[0]).toBe(130);
    expect(out).toMatch(/^\d+ of 1000000 replayed; stopped\.\n$/);
  });

  it('says what a replay would come to, and replays nothing', async () => {
    answers['POST /api/dead-letters/orders/7/replay'] = [
      { body: { replayed: false, replay: letter.replay } },
    ];
    const { out } = await parley('dead-letters', 'replay', 'orders/7', '--dry-run');
    expect(out).toMatch(/orders\/7 .*FulfilmentSaga.on .*handled .*parked, 3 behind/);
    expect(got).toEqual(['{"dryRun":true}']);
  });

  it('explains who says a contract, what carries it and who handles it', async () => {
    const says = {
      technology: 'postgres',
      address: 'postgres://db/parley',
      hops: [{ what: 'log', name: 'parley.event', why: 'kept' }],
    };
    const handler = {
      contract: 'orders.order-placed',
      kind: 'event',
      handler: 'FiguresController.placed',
      subscription: 'insights.figures',
      key: 'orderId',
      concurrency: 10,
      from: 'beginning',
      live: false,
      timeout: 30000,
      transaction: 'handler',
      retry: { immediate: 3, delays: [1000], unfinished: 4 },
    };
    const contract = {
      name: 'orders.order-placed',
      kind: 'event',
      owner: 'orders',
      version: 1,
      key: 'orderId',
    };
    answers['GET /api/explain/orders.order-placed'] = [
      {
        body: [
          { service: 'orders', contract, says, handlers: [] },
          { service: 'insights', contract, says, handlers: [handler] },
        ],
      },
    ];
    const { out } = await parley('explain', 'orders.order-placed');
    for (const part of [
      'said by orders, carried by postgres at postgres://db/parley',
      'parley.event',
      'insights.figures',
      'FiguresController.placed',
      '3 more tries at once, deliveries again after 1 s',
      'after 4 handlings alone without an outcome (its process ended), a dead letter, too',
    ])
      expect(out).toContain(part);
  });

  it('tells every instance how many messages to handle at the same time', async () => {
    const instances = [
      {
        service: 'orders',
        url: 'http://orders-1',
        subscription: 'orders.saga',
        before: 10,
        concurrency: 4,
      },
      { service: 'orders', url: 'http://orders-2', error: 'fetch failed' },
    ];
    answers['POST /api/concurrency/orders.saga'] = [
      { body: { subscription: 'orders.saga', instances } },
    ];
    const { code, out, err } = await parley('concurrency', 'orders.saga', '4', '--reason', 'slow');
    expect(JSON.parse(got.join(''))).toEqual({ concurrency: 4, reason: 'slow' });
    expect(out).toMatch(/orders.saga +http:\/\/orders-1 +4 +10/);
    expect([code, err]).toEqual([1, 'orders at http://orders-2 does not answer: fetch failed\n']);
  });

  it('says so when nothing answers', async () => {
    const child = spawn(
      process.execPath,
      [join(ROOT, 'tools/parley.mjs'), 'dead-letters', 'list'],
      {
        env: { PATH: process.env['PATH'], CONSOLE_URL: 'http://127.0.0.1:9' },
      },
    );
    let err = '';
    child.stderr.on('data', (chunk) => (err += chunk));
    expect((await once(child, 'close'))[0]).toBe(1);
    expect(err).toMatch(/^The console at http:\/\/127.0.0.1:9 does not answer .*\n$/);
  });

  it('prints what must exist, a technology once, whoever uses it', async () => {
    const queue = { what: 'queue', name: 'orders', settings: { durable: true } };
    const at = { technology: 'rabbitmq', address: 'amqp://mq' };
    answers['GET /api/topology'] = [
      {
        body: [
          { service: 'orders', items: [{ ...at, resources: [queue] }] },
          { service: 'catalog', items: [{ ...at, resources: [queue] }] },
        ],
      },
    ];
    const { code, out } = await parley('topology');
    expect({ code, out }).toEqual({
      code: 0,
      out: [
        '- technology: rabbitmq',
        '  address: amqp://mq',
        '  services:',
        '    - catalog',
        '    - orders',
        '  resources:',
        '    - queue: orders',
        '      durable: true',
        '',
      ].join('\n'),
    });
  });

  it('says what is unsafe, and fails', async () => {
    const findings = [
      { what: 'fsync off', verdict: 'unsafe', says: 'set fsync = on' },
      { what: 'synchronous_commit on', verdict: 'safe', says: 'fine' },
    ];
    answers['GET /api/doctor'] = [
      {
        body: [
          {
            service: 'orders',
            items: [{ technology: 'postgres', address: 'postgres://db', findings }],
          },
        ],
      },
    ];
    expect(await parley('doctor')).toMatchObject({
      code: 1,
      out: expect.stringContaining('✗ fsync off\n    set fsync = on\n  ✓ synchronous_commit on'),
    });
  });

  it('shows every subscription, and ends with what needs a person', async () => {
    const item = { subscription: 'payments', waiting: 79, parked: 3, delayed: 0, dead: 2 };
    const paused = [{ kind: 'command', subscription: 'payments', reason: 'provider away' }];
    const health = { error: { database: { status: 'down' } } };
    answers['GET /api/services'] = [
      {
        body: [
          { service: 'payments', url: 'http://p', ready: true, status: { paused } },
          { service: 'orders', url: 'http://o', ready: false, health },
        ],
      },
    ];
    answers['GET /api/backlog'] = [{ body: [{ service: 'payments', items: [item] }] }];
    const { code, out } = await parley('status');
    expect(code).toBe(1);
    expect(out).toContain('1 of 2 instances are ready.');
    expect(out).toMatch(/payments +79 +3 +0 +2 +paused/);
    expect(out.split('Needs a person:\n')[1]).toBe(
      [
        '  orders at http://o is not ready: database',
        '  payments is paused: provider away',
        '  payments has 2 dead: parley dead-letters list\n',
      ].join('\n'),
    );
  });

  it('says that nothing needs a person', async () => {
    const item = { subscription: 'payments', waiting: 1, parked: 0, delayed: 0, dead: 0 };
    const body = [{ service: 'payments', url: 'http://p', ready: true, status: { paused: [] } }];
    answers['GET /api/services'] = [{ body }];
    answers['GET /api/backlog'] = [{ body: [{ service: 'payments', items: [item] }] }];
    expect(await parley('status')).toMatchObject({
      code: 0,
      out: expect.stringContaining('Nothing needs a person.'),
    });
  });
});
