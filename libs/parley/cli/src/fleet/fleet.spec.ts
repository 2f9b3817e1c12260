import { Fleet } from './fleet';
import { InstanceOnTrial } from './instance.fixture';

const DEAD = 'http://127.0.0.1:1';
/** Milliseconds; also on a busy machine the instances that are well answer sooner. */
const PATIENCE = 1_000;

describe('the fleet', () => {
  const instances: InstanceOnTrial[] = [];
  const start = async (...answers: Parameters<typeof InstanceOnTrial.start>) => {
    const instance = await InstanceOnTrial.start(...answers);
    instances.push(instance);
    return instance;
  };
  const well = (name: string) => start(() => ({ body: { name } }));
  const slow = () => start(() => 'silence');
  const ill = () => start(() => ({ status: 503, body: { status: 'error' } }));

  afterEach(async () => {
    for (const instance of instances.splice(0)) await instance.stop();
  });

  it('tells of every instance, also of those that are dead or slow, and does not wait for them longer than it has patience', async () => {
    const [a, b, sick] = [await well('a'), await slow(), await ill()];
    const known = () => ({ orders: [a.url, DEAD, b.url], inventory: [sick.url] });
    let waits = true;
    void new Fleet(known, 600_000).askAll('/health/ready').finally(() => void (waits = false));
    const answers = await new Fleet(known, PATIENCE).askAll('/health/ready');
    expect(waits).toBe(true);
    expect(answers).toEqual([
      { service: 'orders', url: a.url, ok: true, status: 200, body: { name: 'a' } },
      { service: 'orders', url: DEAD, ok: false, error: expect.stringContaining('fetch failed') },
      { service: 'orders', url: b.url, ok: false, error: expect.stringContaining('timeout') },
      { service: 'inventory', url: sick.url, ok: false, status: 503, body: { status: 'error' } },
    ]);
  });

  it('knows an instance that joined after the console had started, and forgets one that left', async () => {
    const [first, second] = [await well('first'), await well('second')];
    const known = { orders: [first.url] };
    const fleet = new Fleet(() => known, PATIENCE);
    await fleet.askAll('/health/ready');
    known.orders = [second.url];
    expect(await fleet.askAll('/health/ready')).toMatchObject([{ url: second.url, ok: true }]);
  });

  it('asks a service by whichever of its instances answers', async () => {
    const [silent, sick, works] = [await slow(), await ill(), await well('c')];
    const fleet = new Fleet(() => ({ orders: [DEAD, silent.url, sick.url, works.url] }), 30_000);
    expect(await fleet.askEach('/operations/backlog')).toMatchObject([
      { service: 'orders', url: works.url, ok: true },
    ]);
  });

  it('says what failed when no instance of a service answers', async () => {
    const addresses = { orders: [DEAD], catalog: [(await well('c')).url] };
    const fleet = new Fleet(() => addresses, PATIENCE);
    expect(await fleet.askEach('/operations/backlog')).toMatchObject([
      { service: 'orders', ok: false, error: expect.stringContaining('fetch failed') },
      { service: 'catalog', ok: true },
    ]);
  });

  it('says so when an answer is no JSON', async () => {
    const addresses = { orders: [(await start(() => ({ body: '<html>' }))).url] };
    const fleet = new Fleet(() => addresses);
    expect(await fleet.askOne('orders', '/')).toMatchObject({
      ok: false,
      error: expect.stringContaining('JSON'),
    });
  });

  it('tells every instance of one service what each must know for itself', async () => {
    const [a, b, other] = [await well('a'), await well('b'), await well('c')];
    const fleet = new Fleet(
      () => ({ orders: [a.url, b.url, DEAD], catalog: [other.url] }),
      PATIENCE,
    );
    expect(await fleet.sendToAll('orders', '/x', { body: {} })).toMatchObject([
      { ok: true },
      { ok: true },
      { ok: false, url: DEAD },
    ]);
    expect([a.asked, b.asked, other.asked]).toEqual([['POST /x'], ['POST /x'], []]);
    expect(await fleet.sendToAll('nobody', '/x', {})).toMatchObject([{ ok: false, status: 404 }]);
  });

  it('shows its token to every instance it asks or tells', async () => {
    const seen: unknown[] = [];
    const instance = await start(({ headers }) => (seen.push(headers.authorization), { body: {} }));
    const fleet = new Fleet(() => ({ orders: [instance.url] }), PATIENCE, 'a-token-of-operators');
    await fleet.askOne('orders', '/x');
    await fleet.sendToOne('orders', '/x', { body: {} });
    expect(seen).toEqual(['Bearer a-token-of-operators', 'Bearer a-token-of-operators']);
  });

  it('takes a refusal for an answer', async () => {
    const [refuses, works] = [
      await start(() => ({ status: 404, body: { message: 'none' } })),
      await well('c'),
    ];
    expect(
      await new Fleet(() => ({ orders: [refuses.url, works.url] })).sendToOne('orders', '/x'),
    ).toMatchObject({ status: 404, body: { message: 'none' } });
    expect(works.asked).toEqual([]);
  });

  it('tells a change to one instance only, and to the next when that one cannot', async () => {
    const [sick, works, other] = [await ill(), await well('c'), await well('d')];
    const fleet = new Fleet(() => ({ orders: [DEAD, sick.url, works.url, other.url] }), PATIENCE);
    expect(await fleet.sendToOne('orders', '/operations/dead-letters/7/replay')).toMatchObject({
      ok: true,
      url: works.url,
    });
    expect(works.asked).toEqual(['POST /operations/dead-letters/7/replay']);
    expect(other.asked).toEqual([]);
  });

  it.each(['nobody', '__proto__', 'constructor'])('knows no service %s', async (name) => {
    const fleet = new Fleet(() => ({ orders: [] }));
    expect(await fleet.askOne(name, '/')).toMatchObject({
      ok: false,
      status: 404,
      error: `there is no service ${name}`,
    });
    expect(await fleet.sendToOne(name, '/')).toMatchObject({ ok: false, status: 404 });
    expect(await fleet.askEach('/', name)).toEqual([]);
  });
});
