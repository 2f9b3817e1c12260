import { RequestBatcher } from './request-batcher';

const TAKEN: readonly undefined[] = [];

describe('batches', () => {
  it('have so many entries at most, in the order of asking', async () => {
    const requests: number[][] = [];
    const batches = new RequestBatcher<number>(
      async (entries) => (requests.push([...entries]), TAKEN),
      {
        most: 3,
      },
    );
    await Promise.all([1, 2, 3, 4].map((n) => batches.add(n)));
    expect(requests).toEqual([[1, 2, 3], [4]]);
  });

  it('are never empty, and of one turn', async () => {
    const requests: number[][] = [];
    const batches = new RequestBatcher<number>(
      async (entries) => (requests.push([...entries]), TAKEN),
      { most: 3 },
    );
    await Promise.all([1, 2].map((n) => batches.add(n)));
    await batches.add(3);
    await new Promise(setImmediate);
    expect(requests).toEqual([[1, 2], [3]]);
  });

  it('have no more bytes than allowed, if several are in one', async () => {
    const requests: number[][] = [];
    const batches = new RequestBatcher<number>(
      async (entries) => (requests.push([...entries]), TAKEN),
      {
        most: 9,
        bytes: 10,
        sizeOf: (n) => n,
      },
    );
    await Promise.all([12, 6, 4, 1, 12, 3].map((n) => batches.add(n)));
    expect(requests).toEqual([[12], [6, 4], [1], [12], [3]]);
  });

  it('tell each what became of it', async () => {
    const batches = new RequestBatcher<number>(async () => [undefined, new Error('too bad')], {
      most: 9,
    });
    const results = await Promise.allSettled([1, 2, 3].map((n) => batches.add(n)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((results[1] as PromiseRejectedResult).reason).toEqual(new Error('too bad'));
  });

  it('fail together when the request does', async () => {
    const batches = new RequestBatcher<number>(async () => Promise.reject(new Error('away')), {
      most: 9,
    });
    const results = await Promise.allSettled([batches.add(1), batches.add(2)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
