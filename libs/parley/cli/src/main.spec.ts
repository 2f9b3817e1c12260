import { RecordedTerminal, type Ran, ScriptedInstance, at, parley } from './command-line.fixture';
import { isGroup, type CommandGroup } from './command-line/command';
import { PARLEY } from './commands/parley';

const DEAD = 'http://127.0.0.1:1';

let orders: ScriptedInstance;
beforeAll(async () => {
  orders = await ScriptedInstance.start();
});
beforeEach(() => orders.clear());
afterAll(() => orders.instance.stop());

const run = (...words: string[]): Promise<Ran> =>
  parley(words, { surroundings: at({ orders: [orders.url] }) });

/** The words of every command and group. */
function everything({ commands }: CommandGroup, path: string[] = []): string[][] {
  const below = commands.flatMap((one) =>
    isGroup(one) ? everything(one, [...path, one.name]) : [[...path, one.name]],
  );
  return [path, ...below];
}

describe('the command line', () => {
  it.each(everything(PARLEY).map((words) => [words]))('helps with %j', async (words) => {
    const { code, out, err } = await run(...words, '--help');
    expect([code, err]).toEqual([0, '']);
    expect(out.startsWith(['parley', ...words].join(' '))).toBe(true);
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(140);
    expect(orders.instance.asked).toEqual([]);
  });

  it('lists its commands when nothing is asked, and names the exit codes', async () => {
    const { code, out } = await run();
    expect(code).toBe(0);
    for (const { name } of PARLEY.commands) expect(out).toContain(`  ${name} `);
    expect(out).toContain('Exit codes: 0');
  });

  it.each([
    [['nothing'], 'There is no command "parley nothing"'],
    [['dead-letters', 'bury'], 'There is no command "parley dead-letters bury"'],
    [['status', '--jsn'], "Unknown option '--jsn'"],
    [['status', 'orders'], '"orders" is too much.'],
    [['explain'], 'Something is missing: <contract>'],
    [
      ['sagas', '--state', 'ended'],
      '--state is "ended", but must be running or finished or failing.',
    ],
    [['dead-letters', 'show', '7'], 'orders/12'],
    [['dead-letters', 'list', '--from', 'yesterday'], 'how long ago'],
    [['dead-letters', 'replay'], 'Say which'],
    [['dead-letters', 'replay', 'orders/7', '--all'], 'Either'],
    [['dead-letters', 'replay', '--all', '--rate', 'fast'], '--rate is "fast"'],
    [['dead-letters', 'discard', 'orders/7'], 'Say why'],
    [['dead-letters', 'discard', '--all', '--reason', 'x'], '--yes'],
    [['concurrency', 'orders', 'many'], 'a whole number from 1 to 1000'],
    [['completion', 'powershell'], 'bash, zsh or fish'],
    [['install'], '--print-sql'],
    [['install', '--print-sql', '--service', 'shop'], 'NAME=ROLE'],
  ])('refuses %j and says what would be right, with its help', async (words, sentence) => {
    const { code, out, err } = await run(...words);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(sentence);
    expect(err).toMatch(/\n\nparley .*\n/);
    expect(orders.instance.asked).toEqual([]);
  });

  it('says how instances are named when none is known', async () => {
    expect(await parley(['status'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('--url http://127.0.0.1:4101'),
    });
    const notRunning = 'Parley is not running: type "npm start".';
    expect(await parley(['status'], { surroundings: { notRunning } })).toEqual({
      ...{ code: 1, out: '', err: `${notRunning}\n` },
    });
  });

  it('has colours on a terminal only', async () => {
    const answers = () => {
      orders.answers['GET /operations/doctor'] = [
        {
          body: [
            {
              technology: 'postgres',
              address: 'postgres://db',
              findings: [{ what: 'fsync off', verdict: 'unsafe', says: 'set fsync = on' }],
            },
          ],
        },
      ];
    };
    answers();
    expect((await run('doctor')).out).not.toContain('\x1b[');
    answers();
    const terminal = new RecordedTerminal(true);
    await parley(['doctor'], { terminal, surroundings: at({ orders: [orders.url] }) });
    expect(terminal.out).toContain('\x1b[31m✗\x1b[0m');
  });

  it('exits with 1 when a service does not answer, and names it beside the answers of the others', async () => {
    orders.answers['GET /operations/dead-letters?limit=50&newest=true'] = [
      { body: { count: 0, deadLetters: [] } },
    ];
    const surroundings = at({ orders: [orders.url], catalog: [DEAD] });
    const { code, out, err } = await parley(['dead-letters', 'list', '--json'], { surroundings });
    expect([code, JSON.parse(out)]).toEqual([1, []]);
    expect(err).toMatch(/^catalog at .* does not answer: fetch failed/);
  });

  it('says so when nothing answers', async () => {
    const { code, out, err } = await parley(['dead-letters', 'list', '--url', DEAD]);
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(/^127\.0\.0\.1:1 does not answer: fetch failed.*\n$/);
  });

  it('does not take the answers of something else for its own', async () => {
    orders.answers['GET /operations/overdue'] = [{ body: { hello: 'world' } }];
    expect(await run('overdue')).toMatchObject({
      code: 1,
      err: expect.stringContaining('answers something else'),
    });
  });
});

describe('where the services are', () => {
  const STATUS = 'GET /operations/status';
  const LIST = 'GET /operations/overdue';
  const answers = () => {
    orders.answers = { [STATUS]: [{ body: { service: 'orders' } }], [LIST]: [{ body: [] }] };
  };

  it.each([
    ['--url', ['--url'], {}],
    ['PARLEY_URL', [], { PARLEY_URL: '$, http://127.0.0.1:1' }],
  ])('they are where %s says', async (_name, options, variables) => {
    answers();
    const url = (text: string) => text.replace('$', orders.url);
    const words = options.length > 0 ? [...options, orders.url] : [];
    const { err } = await parley(['overdue', ...words], {
      variables: Object.fromEntries(
        Object.entries(variables).map(([name, value]) => [name, url(String(value))]),
      ),
      surroundings: { place: () => ({ addresses: { other: [DEAD] } }) },
    });
    expect(orders.instance.asked).toEqual([STATUS, LIST]);
    expect(err).not.toContain('other');
  });

  it('operations may be mounted at any path of an application', async () => {
    orders.answers = {
      'GET /admin/messages/status': [{ body: { service: 'orders' } }],
      'GET /admin/messages/overdue': [{ body: [] }],
    };
    expect(await parley(['overdue', '--url', `${orders.url}/admin/messages/`])).toMatchObject({
      code: 0,
    });
  });

  it('a console passes on to instances that only it can reach', async () => {
    const path = '/api/instances/orders/0/operations';
    orders.answers = {
      'GET /api/instances': [{ body: { orders: [path] } }],
      [`GET ${path}/overdue`]: [{ body: [] }],
    };
    const variables = { CONSOLE_URL: orders.url };
    expect(await parley(['overdue'], { variables })).toMatchObject({ code: 0, err: '' });
    expect(await parley(['overdue'], { variables: { CONSOLE_URL: DEAD } })).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^The console at .* does not answer/),
    });
  });

  it.each([
    ['--token', ['--token', 'of-the-option'], { PARLEY_TOKEN: 'x' }, 'of-the-option'],
    ['PARLEY_TOKEN', [], { PARLEY_TOKEN: 'of-parley', OPERATIONS_TOKEN: 'x' }, 'of-parley'],
    ['OPERATIONS_TOKEN', [], { OPERATIONS_TOKEN: 'of-services' }, 'of-services'],
    ['the start that runs here', [], {}, 'of-the-run'],
  ])('the token is that of %s', async (_name, options, variables, token) => {
    answers();
    const place = () => ({ addresses: { orders: [orders.url] }, token: 'of-the-run' });
    await parley(['overdue', ...options], { variables, surroundings: { place } });
    expect(orders.tokens).toEqual([`Bearer ${token}`]);
  });

  it('another system is not told the token of the start that runs here', async () => {
    answers();
    const place = () => ({ addresses: { orders: [DEAD] }, token: 'of-the-run' });
    await parley(['overdue', '--url', orders.url], { surroundings: { place } });
    expect(orders.tokens).toEqual([undefined, undefined]);
  });

  it('a wrong token is answered by a sentence that says which to set', async () => {
    orders.answers[LIST] = [{ status: 401, body: { message: 'no' } }];
    expect(await run('overdue')).toMatchObject({
      code: 1,
      err: expect.stringContaining("set PARLEY_TOKEN to an operator's access token"),
    });
  });

  it.each(['127.0.0.1:4101', 'postgres://db', 'http://'])('%s is no URL of it', async (url) => {
    expect(await parley(['status', '--url', url])).toMatchObject({
      code: 1,
      err: expect.stringContaining('is no URL of operations'),
    });
  });
});
