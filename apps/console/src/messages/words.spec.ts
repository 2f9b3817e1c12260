import { queryOf, wordsIn } from './words';

describe('words of a body', () => {
  it('are those of its values, in small letters, not the names of its fields', () => {
    expect(wordsIn('{"note":"Handle with CARE","total":1290,"lines":[{"sku":"TEA-1"}]}')).toEqual(
      expect.arrayContaining(['handle', 'with', 'care', '1290', 'tea-1', 'tea', '1']),
    );
    expect(wordsIn('{"note":"Handle with CARE"}')).not.toContain('note');
  });

  it('are one for a UUID, and none for the full stop of a sentence', () => {
    const id = '4bee58aa-0000-4000-8000-000000000001';
    expect(wordsIn(JSON.stringify(`Order ${id}.`))).toEqual(['order', id]);
  });

  it('are those of every script', () => {
    expect(wordsIn('["Grüße-an Ωμέγα"]')).toEqual(['grüße-an', 'grüße', 'an', 'ωμέγα']);
  });

  it('are bounded in number and length', () => {
    const many = Array.from({ length: 10_000 }, (_, number) => `word${number}`);
    const words = wordsIn(JSON.stringify({ many, long: 'x'.repeat(100_000) }));
    expect(words.length).toBeLessThanOrEqual(300);
    expect(wordsIn(JSON.stringify(['x'.repeat(100_000)]))[0]).toHaveLength(64);
  });

  it('are those of any text where it is no JSON', () => {
    expect(wordsIn('{"cut": "in the mid')).toEqual(['cut', 'in', 'the', 'mid']);
  });
});

describe('a search', () => {
  it('wants every word, or its beginning', () => {
    expect(queryOf('Handle tea-1')).toBe(`'handle':* & 'tea-1':*`);
  });

  it('is none without a word', () => {
    expect(queryOf(' " -- ')).toBeUndefined();
  });

  it('has nothing of the language of searches', () => {
    expect(queryOf(`a' | !'b:*' & (c)`)).toBe(`'a':* & 'b':* & 'c':*`);
  });
});
