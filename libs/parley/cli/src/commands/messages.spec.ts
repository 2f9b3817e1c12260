import { at, parley, type Ran, RecordedTerminal, ScriptedInstance } from '../command-line.fixture';

let operators: ScriptedInstance;
beforeAll(async () => {
  operators = await ScriptedInstance.start();
});
beforeEach(() => operators.clear());
afterAll(() => operators.instance.stop());

const surroundings = () => at({ console: [operators.url] });
const run = (...words: string[]): Promise<Ran> =>
  parley(['messages', ...words], { surroundings: surroundings() });
const json = async (...words: string[]): Promise<unknown> =>
  JSON.parse((await run(...words, '--json')).out);

const handling = (subscription: string, outcome = 'done') => ({
  ...{ at: '2026-11-30T12:00:01.000Z', service: subscription, subscription, outcome },
  ...{ instance: `${subscription}-1`, build: '1.2.3', attempt: 4, tries: 2, took: 4.4, waited: 12 },
  ...{
    error: outcome === 'dead' ? 'RangeError' : null,
    reason: outcome === 'dead' ? 'too much' : null,
  },
});
const message = (id: string, over: object = {}) => ({
  ...{ id, sent: '2026-11-30T12:00:00.000Z', contract: 'orders.order-placed', kind: 'event' },
  ...{ source: 'orders', instance: 'orders-1', build: '1.2.3', key: 'order-7', trace: null },
  ...{ correlation: 'c-1', causation: null, headers: { contractversion: '1' }, body: '{"a":1}' },
  handlings: [handling('insights')],
  ...over,
});

describe('messages list', () => {
  it('searches by what is typed, and says where it goes on', async () => {
    const asked =
      'GET /api/messages?text=tea-1&key=order-7&outcome=dead&from=2026-11-30T00:00:00.000Z&limit=10';
    const page = {
      messages: [message('m-1', { handlings: [handling('mails', 'dead'), handling('insights')] })],
      next: '3.17.m-1',
      through: '2026-11-30T12:00:00.000Z',
    };
    operators.answers[asked] = [{ body: page }, { body: page }];
    const words = [
      'list',
      '--text',
      'tea-1',
      '--key',
      'order-7',
      '--outcome',
      'dead',
      '--from',
      '2026-11-30',
      '--limit',
      '10',
    ];
    const { code, out } = await run(...words);
    expect(out).toMatch(
      /orders\.order-placed +order-7 +orders +mails dead RangeError, insights done +m-1/,
    );
    expect(out).toContain(`older ones, before 2026-11-30 12:00:00Z: --after '3.17.m-1'`);
    expect(code).toBe(0);
    expect(await json(...words)).toEqual(page);
  });

  it('says so when nothing fits', async () => {
    operators.answers['GET /api/messages?limit=50'] = [{ body: { messages: [] } }];
    expect((await run('list')).out).toMatch(/^No message that is kept fits/);
  });

  it('prints what comes, each once for each handling, until it is stopped', async () => {
    const terminal = new RecordedTerminal();
    const twice = message('m-1', { handlings: [handling('insights'), handling('mails')] });
    const answers = operators.answers;
    answers['GET /api/messages?limit=50'] = [
      { body: { messages: [message('m-1')] } },
      { body: { messages: [message('m-2'), message('m-1')] } },
      { body: { messages: [message('m-2'), twice] } },
    ];
    const following = parley(['messages', 'list', '--follow'], {
      terminal,
      surroundings: surroundings(),
    });
    // The answers are used up: the next question is refused, and the command ends.
    expect((await following).code).toBe(1);
    const ids = terminal.out
      .trim()
      .split('\n')
      .map((line) => line.split('  ').at(-1));
    expect(ids).toEqual(['m-1', 'm-2', 'm-1']);
  });

  it('passes the reason on where nothing is kept', async () => {
    const reason = 'The console keeps no messages: it has no DATABASE_URL.';
    operators.answers['GET /api/messages?limit=50'] = [{ status: 503, body: { message: reason } }];
    expect(await run('list')).toMatchObject({ code: 1, err: `${reason}\n` });
  });

  it('asks for a console where none is known', async () => {
    const { code, err } = await parley(['messages', 'list'], {
      surroundings: at({ orders: [operators.url] }),
    });
    expect([code, err]).toEqual([1, expect.stringContaining('CONSOLE_URL')]);
  });

  it('asks the console at CONSOLE_URL', async () => {
    operators.answers['GET /api/instances'] = [{ body: {} }];
    operators.answers['GET /api/messages?limit=50'] = [{ body: { messages: [message('m-1')] } }];
    const { out } = await parley(['messages', 'list'], {
      variables: { CONSOLE_URL: operators.url },
    });
    expect(out).toContain('m-1');
  });
});

it('messages show shows one whole, and that it is not well', async () => {
  const one = message('m-1', { causation: 'm-0', handlings: [handling('mails', 'dead')] });
  operators.answers['GET /api/messages/m-1'] = [{ body: one }, { body: one }];
  const { code, out } = await run('show', 'm-1');
  for (const part of [
    'orders.order-placed  event, sent 2026-11-30 12:00:00Z by orders, orders-1, 1.2.3',
    'cause: m-0',
    'contractversion: 1',
    'RangeError: too much',
    '"a": 1',
  ])
    expect(out).toContain(part);
  expect(code).toBe(1);
  expect(await json('show', 'm-1')).toEqual(one);
});

it('messages conversation is a tree of causes, also where forged ids form a ring', async () => {
  operators.answers['GET /api/conversations/c-1'] = [
    {
      body: [
        message('m-1'),
        message('m-2', { causation: 'm-1', contract: 'payments.charge-payment' }),
        message('x', { causation: 'y', contract: 'ring.x' }),
        message('y', { causation: 'x', contract: 'ring.y' }),
      ],
    },
  ];
  const lines = (await run('conversation', 'c-1')).out.trimEnd().split('\n');
  expect(lines.map((line) => line.replace(/ {2}by .*/, ''))).toEqual([
    'orders.order-placed',
    '  payments.charge-payment',
    'ring.x',
    '  ring.y',
  ]);
});

it('messages trace lists spans, or the handlings where no span came', async () => {
  const span = {
    id: 's',
    parent: null,
    name: 'POST /orders',
    service: 'gateway',
    started: 1_000,
    took: 2_500,
    failed: true,
  };
  operators.answers['GET /api/traces/t-1'] = [
    { body: { spans: [span], messages: [] } },
    { body: { spans: [], messages: [message('m-1')] } },
  ];
  expect((await run('trace', 't-1')).out).toMatch(
    /0\.0 ms +2\.5 ms +gateway +POST \/orders +failed/,
  );
  expect((await run('trace', 't-1')).out).toContain('m-1');
});

it('messages store is not well where something had to be left out', async () => {
  const figures = {
    kept: { hours: 24, bytes: 1_073_741_824 },
    bytes: 52_428_800,
    received: 9,
    droppedBySenders: 0,
  };
  const body = { ...figures, since: '2026-11-30T12:00:00.000Z', dropped: 2 };
  operators.answers['GET /api/messages/store'] = [{ body }, { body: { ...body, dropped: 0 } }];
  const { code, out } = await run('store');
  expect(out).toContain('50 MB of 1024 MB, since 2026-11-30 12:00:00Z; 24 h are kept at most');
  expect(out).toContain('9 arrived, 2 were dropped');
  expect(code).toBe(1);
  expect((await run('store')).code).toBe(0);
});
