import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { behaviourOf } from './card';
import { Ledger } from './ledger';
import { ProviderServer } from './server';

describe('the payment provider', () => {
  let folder: string;
  let server: ProviderServer;
  let url: string;

  const start = async () => {
    server = new ProviderServer(await Ledger.open(folder));
    url = `http://127.0.0.1:${await server.listen(0)}`;
  };
  const restart = async () => {
    await server.close();
    await start();
  };
  const post = async (path: string, body: unknown, key?: string) => {
    const response = await fetch(url + path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: key === undefined ? {} : { 'idempotency-key': key },
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const get = async (path: string) => {
    const response = await fetch(url + path);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const charge = (key: string, token = 'tok_ok', amount = 1_000) =>
    post('/charges', { amount, token, reference: 'order' }, key);
  const keyThat = (fits: (key: string) => boolean) =>
    Array.from({ length: 200 }, (_, n) => `key-${n}`).find(fits)!;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'provider-'));
    await start();
  });
  afterEach(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });

  it('captures once for a key, however often it is asked', async () => {
    const [first, second] = await Promise.all([charge('a'), charge('a')]);
    expect(first.status).toBe(201);
    expect(second).toEqual(first);
    expect(await charge('a')).toEqual(first);
    expect((await get('/ledger')).body).toMatchObject({ captured: 1_000, count: 1 });
  });

  it('is reached over IPv4, too, when it listens on ::', async () => {
    await server.close();
    server = new ProviderServer(await Ledger.open(folder));
    url = `http://127.0.0.1:${await server.listen(0, '::')}`;
    expect((await get('/ledger')).status).toBe(200);
  });

  it('refuses a key that comes with another body', async () => {
    await charge('a');
    expect((await charge('a', 'tok_ok', 2_000)).status).toBe(422);
  });

  it('refuses a key that comes with another body while the first is under way', async () => {
    const slow = charge('a', 'tok_slow');
    while ((await get('/charges?key=a')).body['status'] !== 'pending');
    expect((await charge('a', 'tok_slow', 2_000)).status).toBe(422);
    expect((await slow).status).toBe(201);
  });

  it('declines with a reason, the same each time', async () => {
    const declined = await charge('a', 'tok_declined');
    expect(declined).toMatchObject({
      status: 402,
      body: { status: 'declined', reason: 'insufficient funds' },
    });
    expect(await charge('a', 'tok_declined')).toEqual(declined);
  });

  it('fails at first and then captures with a flaky card', async () => {
    const key = keyThat((candidate) => behaviourOf('tok_flaky', candidate).failsFirst === 2);
    const statuses = [
      await charge(key, 'tok_flaky'),
      await charge(key, 'tok_flaky'),
      await charge(key, 'tok_flaky'),
    ].map(({ status }) => status);
    expect(statuses).toEqual([503, 503, 201]);
  });

  it.each(['captured', 'nothing'] as const)(
    'drops the connection of an unknown outcome and tells by key that it was %s',
    async (outcome) => {
      const key = keyThat((candidate) => {
        const card = behaviourOf('tok_unknown', candidate);
        return card.silence === 'drops' && card.outcome === outcome;
      });
      await expect(charge(key, 'tok_unknown')).rejects.toThrow();
      expect((await get(`/charges?key=${key}`)).status).toBe(outcome === 'captured' ? 200 : 404);
    },
  );

  it('does not answer the other unknown outcomes within any patience', async () => {
    const key = keyThat((candidate) => behaviourOf('tok_unknown', candidate).silence === 'hangs');
    const body = JSON.stringify({ amount: 1, token: 'tok_unknown', reference: 'order' });
    const asked = fetch(`${url}/charges`, {
      method: 'POST',
      body,
      headers: { 'idempotency-key': key },
      signal: AbortSignal.timeout(100),
    });
    await expect(asked).rejects.toThrow('timeout');
  });

  it('captures nothing for a key that was voided, not even late', async () => {
    const slow = charge('a', 'tok_slow');
    while ((await get('/charges?key=a')).body['status'] !== 'pending');
    expect((await post('/charges/void', { key: 'a' })).body).toMatchObject({ status: 'voided' });
    expect(await slow).toMatchObject({ status: 402, body: { status: 'voided' } });
    expect((await charge('a', 'tok_ok')).status).toBe(402);
    expect((await get('/ledger')).body).toMatchObject({ captured: 0 });
  });

  it('cannot void what was captured, and says so', async () => {
    await charge('a');
    expect((await post('/charges/void', { key: 'a' })).body).toMatchObject({
      status: 'captured',
      amount: 1_000,
    });
  });

  it('refunds once for a key, and never more than was captured', async () => {
    await charge('a');
    const refund = () => post('/refunds', { charge: 'a', amount: 600 }, 'a:refund');
    const [first, second] = await Promise.all([refund(), refund()]);
    expect(second).toEqual(first);
    expect((await post('/refunds', { charge: 'a', amount: 500 }, 'other')).status).toBe(409);
    expect((await post('/refunds', { charge: 'a', amount: 300 }, 'a:refund')).status).toBe(422);
    expect((await post('/refunds', { charge: 'never', amount: 1 }, 'never')).status).toBe(409);
    expect((await get('/ledger')).body).toMatchObject({ captured: 1_000, refunded: 600 });
  });

  it('keeps its ledger when it is started again', async () => {
    const before = await charge('a');
    await post('/charges/void', { key: 'b' });
    await restart();
    expect(await charge('a')).toEqual(before);
    expect((await charge('b')).status).toBe(402);
    expect((await get('/ledger?entries=true&status=captured')).body).toMatchObject({
      captured: 1_000,
      count: 1,
      entries: [before.body],
    });
  });

  it('is down while told to be, but shows its ledger', async () => {
    await post('/admin', { down: true });
    expect((await charge('a')).status).toBe(503);
    expect((await get('/charges?key=a')).status).toBe(503);
    expect((await get('/ledger')).status).toBe(200);
    await post('/admin', { down: false });
    expect((await charge('a')).status).toBe(201);
  });

  it('says what is wrong with a request', async () => {
    expect(await post('/charges', { amount: 1, token: 'tok_ok', reference: 'x' })).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('Idempotency-Key') },
    });
    expect(
      (await post('/charges', { amount: -1, token: 'tok_ok', reference: 'x' }, 'a')).status,
    ).toBe(400);
    expect((await post('/charges', 'x'.repeat(70_000), 'a')).status).toBe(413);
    expect((await get('/nothing')).status).toBe(404);
  });
});
