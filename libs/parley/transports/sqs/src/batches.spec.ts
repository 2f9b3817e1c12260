import { Batches, EntryRefused } from './batches';

describe('batches', () => {
  it('have ten entries at most, in the order of asking', async () => {
    const requests: number[][] = [];
    const batches = new Batches<{ n: number }>(async (entries) => (requests.push(entries.map(({ n }) => n)), {}));
    await Promise.all(Array.from({ length: 12 }, (_, n) => batches.add({ n })));
    expect(requests).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [10, 11]]);
  });

  it('have no more bytes than allowed, if several are in one', async () => {
    const requests: number[][] = [];
    const batches = new Batches<{ n: number }>(async (entries) => (requests.push(entries.map(({ n }) => n)), {}), 10, ({ n }) => n);
    await Promise.all([6, 4, 1, 12, 3].map((n) => batches.add({ n })));
    expect(requests).toEqual([[6, 4], [1], [12], [3]]);
  });

  it('tell each what became of it', async () => {
    const batches = new Batches<{ n: number }>(async (entries) => ({ Failed: [{ Id: entries[1]!.Id, Code: 'Nope', Message: 'too bad', SenderFault: true }] }));
    const results = await Promise.allSettled([1, 2, 3].map((n) => batches.add({ n })));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((results[1] as PromiseRejectedResult).reason).toEqual(new EntryRefused('Nope', 'too bad', true));
  });

  it('fail together when the request does', async () => {
    const batches = new Batches(async () => Promise.reject(new Error('away')));
    const results = await Promise.allSettled([batches.add({}), batches.add({})]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
