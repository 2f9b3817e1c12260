import { at, parley, ScriptedInstance } from '../command-line.fixture';

const record = (at: string, who: string, status: number) => ({
  ...{ at, who, proven: !who.includes('claimed'), role: 'operator', method: 'POST' },
  ...{ path: '/operations/dead-letters/7/replay', from: '127.0.0.1', status },
});

describe('audit', () => {
  let orders: ScriptedInstance;
  beforeAll(async () => void (orders = await ScriptedInstance.start()));
  beforeEach(() => orders.clear());
  afterAll(() => orders.instance.stop());

  const run = (...words: string[]) =>
    parley(['audit', ...words], { surroundings: at({ orders: [orders.url] }) });

  it('lists the changes of all instances, the latest first', async () => {
    const entries = [
      record('2026-11-23T09:00:00.000Z', 'ada', 202),
      record('2026-11-23T09:00:05.000Z', 'eve (claimed)', 404),
    ];
    orders.answers['GET /operations/audit?limit=50'] = [{ body: { entries } }];
    const { code, out } = await run();
    expect(code).toBe(0);
    expect(out).toMatch(/eve \(claimed\) +orders +POST \S+\/7\/replay +404 [^]*ada +orders .*202/);
  });

  it('asks for one operator, as rows of JSON', async () => {
    const entries = [record('2026-11-23T09:00:00.000Z', 'ada', 202)];
    orders.answers['GET /operations/audit?who=ada&limit=5'] = [{ body: { entries } }];
    const { out } = await run('--who', 'ada', '--limit', '5', '--json');
    expect(JSON.parse(out)).toEqual([{ ...entries[0], service: 'orders', instance: orders.url }]);
  });

  it('says so when there was no change', async () => {
    orders.answers['GET /operations/audit?limit=50'] = [{ body: { entries: [] } }];
    expect((await run()).out).toBe('No operator asked for a change.\n');
  });
});
