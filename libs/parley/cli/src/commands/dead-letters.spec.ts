import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { at, parley, type Ran, RecordedTerminal, ScriptedInstance } from '../command-line.fixture';

const letter = {
  id: '7',
  subscription: 'orders.fulfilment',
  headers: {
    type: 'payments.payment-declined',
    contractversion: '1',
    producerinstance: 'payments-1',
  },
  body: '{"orderId":"o-1","lines":[{"quantity":1}]}',
  attempts: 4,
  edits: 2,
  died: '2026-11-23T09:00:00.000Z',
  holds: true,
  group: 'c0ffee00',
  failure: {
    error: 'TypeError',
    message: 'no reason\nat all',
    stack: 'TypeError: no reason\n    at decide',
    tries: 16,
    instance: 'orders-1',
    firstFailedAt: '2026-11-23T08:59:00.000Z',
  },
  replay: {
    letter: '7',
    contract: 'payments.payment-declined',
    handler: 'FulfilmentSaga.on',
    expect: 'handled',
    why: 'it runs',
    lane: { key: 'o-1', held: true, waiting: 3 },
  },
};

const LETTERS = '/operations/dead-letters';
const LIST = `GET ${LETTERS}?limit=50&newest=true`;
const NO_LETTERS = { body: { count: 0, deadLetters: [] } };

let orders: ScriptedInstance;
let catalog: ScriptedInstance;
beforeAll(async () => {
  [orders, catalog] = [await ScriptedInstance.start(), await ScriptedInstance.start()];
});
beforeEach(() => [orders, catalog].forEach((one) => one.clear()));
afterAll(() => Promise.all([orders.instance.stop(), catalog.instance.stop()]));

const surroundings = () => at({ orders: [orders.url], catalog: [catalog.url] });
const run = (...words: string[]): Promise<Ran> =>
  parley(['dead-letters', ...words], { surroundings: surroundings() });

describe('dead-letters list', () => {
  it('shows a line each, of every service', async () => {
    const list = `GET ${LETTERS}?contract=a.b&limit=50&newest=true`;
    orders.answers[list] = [{ body: { count: 9, deadLetters: [letter] } }];
    catalog.answers[list] = [NO_LETTERS];
    expect((await run('list', '--contract', 'a.b')).out).toMatch(
      /orders\/7 .*payments.payment-declined .*TypeError .*no reason +16 +holds +c0ffee00\n1 of 9/,
    );
  });

  it('is rows in JSON', async () => {
    orders.answers[LIST] = [{ body: { count: 9, deadLetters: [letter] } }];
    expect(JSON.parse((await run('list', '--service', 'orders', '--json')).out)).toEqual([
      {
        ...{ letter: 'orders/7', service: 'orders', died: letter.died, tries: 16, edits: 2 },
        ...{ contract: 'payments.payment-declined', subscription: 'orders.fulfilment' },
        ...{ error: 'TypeError', message: 'no reason\nat all', holdsLane: true, group: 'c0ffee00' },
      },
    ]);
  });

  it('shows what is not dead but waits behind it', async () => {
    const parked = {
      subscription: 'orders.fulfilment',
      waiting: 0,
      parked: 82,
      delayed: 0,
      dead: 0,
    };
    const waiting = { ...parked, subscription: 'catalog', waiting: 4, parked: 0 };
    orders.answers = { [LIST]: [NO_LETTERS], 'GET /operations/backlog': [{ body: [parked] }] };
    catalog.answers = { [LIST]: [NO_LETTERS], 'GET /operations/backlog': [{ body: [waiting] }] };
    const { out, code } = await run('list');
    expect(code).toBe(0);
    expect(out).toContain('There are no dead letters of that kind.');
    expect(out).toMatch(/orders\.fulfilment +82 +0/);
    expect(out).not.toContain('catalog');
  });

  it('groups them by cause, the largest group first', async () => {
    const group = (name: string, count: number) => ({
      ...{ group: name, count, error: 'TypeError', cause: 'no reason', contract: 'a.b' },
      ...{ subscriptions: ['orders'], first: letter.died, last: letter.died },
    });
    const groups = `GET ${LETTERS}/groups?limit=50`;
    orders.answers[groups] = [{ body: { count: 2, groups: [group('one', 2)] } }];
    catalog.answers[groups] = [{ body: { count: 5, groups: [group('two', 5)] } }];
    expect((await run('list', '--groups')).out).toMatch(
      /two +5 +0 +catalog .*\none +2 +0 +orders /,
    );
  });

  it('refuses a service that is not there', async () => {
    expect(await run('list', '--service', 'nobody')).toMatchObject({
      ...{ code: 1, err: 'There is no service nobody.\n' },
    });
  });
});

describe('dead-letters show and edit', () => {
  it('shows one whole', async () => {
    orders.answers[`GET ${LETTERS}/7`] = [{ body: letter }, { body: letter }];
    const { out } = await run('show', 'orders/7');
    for (const part of [
      'edited 2 times',
      'payments-1',
      'at decide',
      '"quantity": 1',
      'o-1 waits for this letter, 3 behind it',
      'handled: it runs',
    ])
      expect(out).toContain(part);
    expect(JSON.parse((await run('show', 'orders/7', '--json')).out)).toMatchObject({
      ...{ letter: 'orders/7', replay: 'handled', laneKey: 'o-1', body: letter.body },
    });
  });

  it('edits a field deep inside, over nobody else, and says why it was refused', async () => {
    orders.answers = {
      [`GET ${LETTERS}/7`]: [{ body: letter }],
      [`POST ${LETTERS}/7/edit`]: [
        { status: 422, body: { message: 'lines.0.quantity: too many' } },
      ],
    };
    const options = ['--set', 'lines.0.quantity=99', '--replay', '--reason', 'typo'];
    const { code, err } = await run('edit', 'orders/7', ...options);
    expect([code, err]).toEqual([1, 'lines.0.quantity: too many\n']);
    expect(orders.bodies).toEqual([
      {
        body: '{"orderId":"o-1","lines":[{"quantity":99}]}',
        ...{ edits: 2, replay: true, reason: 'typo' },
      },
    ]);
    expect(orders.operators).toEqual(['ada']);
  });

  it('takes a whole body from a file, or from an editor', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'parley-edit-'));
    const file = join(folder, 'body.json');
    const editor = join(folder, 'editor.cjs');
    writeFileSync(file, '{"of":"a file"}');
    writeFileSync(editor, `require('fs').writeFileSync(process.argv[2], '{"of":"an editor"}')`);
    const edited = { status: 200, body: { edited: true, replayed: false } };
    orders.answers = {
      [`GET ${LETTERS}/7`]: [{ body: letter }, { body: letter }, { body: letter }],
      [`POST ${LETTERS}/7/edit`]: [edited, edited],
    };
    await run('edit', 'orders/7', '--body', `@${file}`);
    await parley(['dead-letters', 'edit', 'orders/7'], {
      variables: { EDITOR: `"${process.execPath}" "${editor}"` },
      terminal: new RecordedTerminal(false, 'somebody sits here'),
      surroundings: surroundings(),
    });
    expect(orders.bodies).toMatchObject([
      { body: '{"of":"a file"}' },
      { body: '{"of":"an editor"}' },
    ]);
    expect(await run('edit', 'orders/7')).toMatchObject({ code: 2 });
    rmSync(folder, { recursive: true });
  });
});

describe('dead-letters replay and discard', () => {
  const COUNTS = `GET ${LETTERS}/groups`;
  const counted = (count: number) => [{ body: { count, groups: [] } }];

  it('replays letters by their names, the others too when one is gone', async () => {
    orders.answers = {
      [`POST ${LETTERS}/7/replay`]: [
        { status: 404, body: { message: 'there is no dead letter 7' } },
      ],
      [`POST ${LETTERS}/8/replay`]: [{ status: 202, body: { replayed: true } }],
    };
    const { code, out } = await run('replay', 'orders/7', 'orders/8', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual([
      { letter: 'orders/7', outcome: 'refused', why: 'there is no dead letter 7' },
      { letter: 'orders/8', outcome: 'replayed' },
    ]);
  });

  it('replays a group in every service that has it, batch by batch, up to the letters there were', async () => {
    orders.answers = {
      [`${COUNTS}?group=c0ffee00`]: counted(3),
      [`POST ${LETTERS}/replay`]: [
        { body: { upTo: '9', done: ['7', '8'], gone: [], left: 1 } },
        { body: { upTo: '9', done: ['9'], gone: [], left: 0 } },
      ],
    };
    catalog.answers = { [`${COUNTS}?group=c0ffee00`]: counted(0) };
    const { code, out } = await run('replay', '--group', 'c0ffee00', '--rate', '2', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual(
      ['7', '8', '9'].map((id) => ({ letter: `orders/${id}`, outcome: 'replayed' })),
    );
    expect(orders.bodies).toMatchObject([
      { filter: { group: 'c0ffee00' }, rate: 2 },
      { filter: { group: 'c0ffee00', upTo: '9' }, rate: 2 },
    ]);
    expect(catalog.bodies).toEqual([]);
  });

  it('stops when told to, and says how far it came', async () => {
    orders.answers = {
      [COUNTS]: counted(1_000_000),
      [`POST ${LETTERS}/replay`]: Array.from({ length: 1_000 }, () => ({
        body: { upTo: '9', done: ['7'], gone: [], left: 5 },
      })),
    };
    catalog.answers = { [COUNTS]: counted(0) };
    const terminal = new RecordedTerminal();
    const running = parley(['dead-letters', 'replay', '--all'], {
      ...{ terminal, surroundings: surroundings() },
    });
    while (orders.bodies.length === 0) await new Promise(setImmediate);
    terminal.stop();
    const { code, out } = await running;
    expect(code).toBe(130);
    expect(out).toMatch(/^\d+ of 1000000 replayed; stopped\.\n$/);
  });

  it('says what a replay would come to, and replays nothing', async () => {
    orders.answers[`POST ${LETTERS}/7/replay`] = [
      { body: { replayed: false, replay: letter.replay } },
    ];
    const { out } = await run('replay', 'orders/7', '--dry-run');
    expect(out).toMatch(/orders\/7 .*FulfilmentSaga.on .*handled .*parked, 3 behind/);
    expect(orders.bodies).toEqual([{ dryRun: true }]);
  });

  it('discards with a reason', async () => {
    orders.answers[`POST ${LETTERS}/7/discard`] = [{ body: { discarded: true } }];
    const { out } = await run('discard', 'orders/7', '--reason', 'a test');
    expect(out).toBe('orders/7 is discarded.\n');
    expect(orders.bodies).toEqual([{ reason: 'a test' }]);
  });

  describe('in steps', () => {
    const run7 = (state: string, outcome?: string) => ({
      ...{ id: '7', subscription: 'orders.saga', group: 'c0ffee00', state, who: 'ada', rate: 5 },
      ...{ step: 2, steps: 4, total: 9, replayed: 6, handled: 1, open: 5, waiting: 0, outcome },
      ...{ progress: '1 of 9 handled', began: '2026-11-23T09:00:00.000Z' },
    });
    const begins = (...answers: { status?: number; body: unknown }[]) => {
      const group = { group: 'c0ffee00', subscriptions: ['orders.saga'] };
      orders.answers = {
        [`${COUNTS}?group=c0ffee00`]: [{ body: { count: 9, groups: [group] } }],
        [`POST ${LETTERS}/runs`]: [answers[0]!],
        [`GET ${LETTERS}/runs/7`]: answers.slice(1),
      };
      catalog.answers = { [`${COUNTS}?group=c0ffee00`]: counted(0) };
    };
    const CANARY = ['replay', '--group', 'c0ffee00', '--canary', '--rate', '5', '--reason', 'up'];

    it('is begun in the service, and told when it ends', async () => {
      begins({ status: 202, body: run7('running') }, { body: run7('relapsed', 'one died again') });
      const { code, out } = await run(...CANARY);
      expect([code, out]).toEqual([1, 'orders/7 is relapsed: one died again\n']);
      expect(orders.bodies).toEqual([
        { subscription: 'orders.saga', group: 'c0ffee00', rate: 5, reason: 'up' },
      ]);
    });

    it('goes on when nobody looks on any more', async () => {
      begins({ status: 202, body: run7('running') }, { body: run7('running') });
      const terminal = new RecordedTerminal();
      const running = parley(['dead-letters', ...CANARY], {
        ...{ terminal, surroundings: surroundings() },
      });
      const isFollowed = () => orders.instance.asked.includes(`GET ${LETTERS}/runs/7`);
      while (!isFollowed()) await new Promise(setImmediate);
      terminal.stop();
      const { out } = await running;
      expect(out).toMatch(/^orders\/7 goes on: 1 of 9 handled; end it by .* cancel orders\/7\n$/);
    });

    it('is refused while somebody else has one, with who', async () => {
      begins({ status: 409, body: { message: 'bob replays c0ffee00 since 09:00' } });
      expect(await run(...CANARY)).toMatchObject({
        ...{ code: 1, err: 'bob replays c0ffee00 since 09:00\n' },
      });
    });

    it('asks for one cause, and for a reason', async () => {
      expect(await run('replay', '--all', '--canary')).toMatchObject({ code: 2 });
      expect(await run('replay', '--group', 'x', '--canary')).toMatchObject({ code: 2 });
    });

    it('is listed, and cancelled with a reason', async () => {
      orders.answers[`GET ${LETTERS}/runs?limit=20`] = [{ body: { runs: [run7('running')] } }];
      catalog.answers[`GET ${LETTERS}/runs?limit=20`] = [{ body: { runs: [] } }];
      expect((await run('runs')).out).toMatch(/orders\/7 .*running +2 of 4 +1 of 9 handled/);
      orders.answers = {
        [`POST ${LETTERS}/runs/7/cancel`]: [{ body: { cancelled: true } }],
        [`GET ${LETTERS}/runs/7`]: [{ body: run7('cancelled', 'cancelled by ada') }],
      };
      expect((await run('cancel', 'orders/7', '--reason', 'no')).out).toBe(
        'orders/7 is cancelled: cancelled by ada\n',
      );
      expect(orders.bodies).toEqual([{ reason: 'no' }]);
      expect(await run('cancel', 'orders/7')).toMatchObject({ code: 2 });
    });
  });

  it('tells what was done, the latest first', async () => {
    const entry = (at: string, became?: string) => ({
      ...{ at, who: 'ada', action: 'replay', letter: '7', outcome: 'done', became },
    });
    const path = `GET ${LETTERS}/audit?limit=50`;
    orders.answers[path] = [{ body: { entries: [entry('2026-11-23T09:00:00Z')] } }];
    catalog.answers[path] = [{ body: { entries: [entry('2026-11-23T09:01:00Z', 'handled')] } }];
    expect(JSON.parse((await run('audit', '--json')).out)).toMatchObject([
      { letter: 'catalog/7', outcome: 'handled' },
      { letter: 'orders/7', outcome: 'done' },
    ]);
  });
});
