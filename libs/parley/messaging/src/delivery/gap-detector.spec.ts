import { GapDetector } from './gap-detector';

const received = (
  ...broadcasts: [producerinstance: string, sequence: string | undefined, type?: string][]
) => {
  const sequences = new GapDetector();
  return broadcasts.map(([producerinstance, sequence, type = 'catalog.price-changed']) =>
    sequences.missedBefore({ producerinstance, type, sequence }),
  );
};

describe('a subscriber of broadcasts', () => {
  it('knows how many it missed between two it heard', () => {
    expect(received(['a', '7'], ['a', '8'], ['a', '12'], ['a', '13'])).toEqual([0, 0, 3, 0]);
  });

  it('counts each publisher and each contract by itself', () => {
    expect(
      received(['a', '1'], ['b', '5'], ['a', '2'], ['b', '7'], ['a', '1', 'catalog.door-opened']),
    ).toEqual([0, 0, 0, 1, 0]);
  });

  it('takes a publisher that began again, or an older one that arrives late, for no gap', () => {
    expect(received(['a', '9'], ['a', '1'], ['a', '2'])).toEqual([0, 0, 0]);
    expect(received(['a', '9'], ['a', '9'], ['a', '10'])).toEqual([0, 0, 0]);
  });

  it.each([undefined, '', 'x', '-1', '1.5', '1e999'])('does not count by %j', (sequence) => {
    expect(received(['a', '1'], ['a', sequence], ['a', '3'])).toEqual([0, 0, 1]);
  });

  it('forgets those it has not heard of for longest', () => {
    const many = Array.from({ length: 1_000 }, (_, n): [string, string] => [`other-${n}`, '1']);
    expect(received(['a', '1'], ...many, ['a', '9']).at(-1)).toBe(0);
    expect(received(['a', '1'], ...many.slice(1), ['a', '9']).at(-1)).toBe(7);
  });
});
