import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { storeAt } from './limiter-store';
import { RateLimits } from './rate-limits';

/** Redis where its URL is given; PostgreSQL is always there. */
const STORES = [process.env['PARLEY_TEST_POSTGRES'], process.env['REDIS_URL']].flatMap(
  (url) => url || [],
);

const edgeAt = (url: string) =>
  new RateLimits({ reads: { requests: 6, seconds: 60 }, writes: null }, storeAt(url));
const remaining = async (edge: RateLimits, client: string) =>
  (await edge.count(client, 'reads'))?.remaining;

/** Until its store answers, each instance counts for itself. */
async function connected(one: RateLimits, other: RateLimits): Promise<void> {
  for (;;) {
    const client = randomUUID();
    await remaining(one, client);
    if ((await remaining(other, client)) === 4) return;
    await sleep(20);
  }
}

describe.each(STORES)('instances of the edge that share a store', (url) => {
  it('count the requests of a client together', async () => {
    const [one, other] = [edgeAt(url), edgeAt(url)];
    await connected(one, other);
    const client = randomUUID();
    const seen = [];
    for (let n = 0; n < 3; n++)
      seen.push(await remaining(one, client), await remaining(other, client));
    expect(seen).toEqual([5, 4, 3, 2, 1, 0]);
    expect((await one.count(client, 'reads'))?.isOver).toBe(true);
    expect((await other.count(client, 'reads'))?.isOver).toBe(true);
    await Promise.all([one, other].map((edge) => edge.onApplicationShutdown()));
  });
});
