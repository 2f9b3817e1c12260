import { contentOf, recordOf } from './cloudevents';

const headers = { specversion: '1.0', id: '1', type: 'a.b', partitionkey: 'k' };

describe('a message as Kinesis has it', () => {
  it('is one CloudEvents document under its key', () => {
    const { Data, PartitionKey } = recordOf(headers, Buffer.from('{"n":1}'));
    expect([JSON.parse(Data.toString()), PartitionKey]).toEqual([
      { ...headers, data: { n: 1 } },
      'k',
    ]);
    expect(contentOf(Data)).toEqual({ headers, body: Buffer.from('{"n":1}') });
  });

  it('goes by its id when it has no key', () => {
    expect(recordOf({ id: '7' }, Buffer.alloc(0)).PartitionKey).toBe('7');
  });

  it('goes by the hash of a key that Kinesis would not take', () => {
    for (const odd of ['', 'x'.repeat(257), 'lone \ud800 surrogate'])
      expect(recordOf({ partitionkey: odd }, Buffer.alloc(0)).PartitionKey).toMatch(
        /^[0-9a-f]{64}$/,
      );
    for (const fine of ['ключ', 'a\nb', '🚀', 'x'.repeat(256)])
      expect(recordOf({ partitionkey: fine }, Buffer.alloc(0)).PartitionKey).toBe(fine);
  });

  it('is kept as it came when nobody can read it', () => {
    expect(contentOf(Buffer.from('hello'))).toEqual({ headers: {}, body: Buffer.from('hello') });
    expect(contentOf(undefined)).toEqual({ headers: {}, body: Buffer.alloc(0) });
  });
});
