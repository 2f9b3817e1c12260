import { ago, count, counted, milliseconds, moment, pretty, span } from './format';

describe('numbers and times for operators', () => {
  it.each([
    [0, '0 s'],
    [59.9, '59 s'],
    [60, '1 min'],
    [119, '1 min'],
    [3_600, '1 h'],
    [3_900, '1 h 5 min'],
    [86_400, '1 d'],
    [90_000, '1 d 1 h'],
    [-3, '0 s'],
  ])('shows a span of %d s as %s', (seconds, shown) => expect(span(seconds)).toBe(shown));

  it('shows milliseconds where a second would be too coarse', () => {
    expect([milliseconds(250), milliseconds(30_000)]).toEqual(['250 ms', '30 s']);
  });

  it('says how long ago a time was, or how soon it comes', () => {
    const now = Date.parse('2026-11-23T09:00:00Z');
    expect(ago('2026-11-23T08:55:00Z', now)).toBe('5 min ago');
    expect(ago('2026-11-23T09:02:00Z', now)).toBe('in 2 min');
    expect(ago('2026-11-23T09:00:00.400Z', now)).toBe('now');
    expect(ago('', now)).toBeUndefined();
  });

  it('shows a moment as the command line does', () => {
    expect(moment('2026-11-23T09:24:17.123Z')).toBe('2026-11-23 09:24:17Z');
    expect(moment('2026-11-23T09:24:17Z')).toBe('2026-11-23 09:24:17Z');
  });

  it('groups digits, and counts one thing as one', () => {
    expect([count(1_234_567), counted(1, 'letter'), counted(0, 'letter')]).toEqual([
      '1,234,567',
      '1 letter',
      '0 letters',
    ]);
    expect(counted(2, 'delivery', 'deliveries')).toBe('2 deliveries');
  });

  it('breaks JSON into lines, and leaves any other text alone', () => {
    expect(pretty('{"a":1}')).toBe('{\n  "a": 1\n}');
    expect(pretty('{"a":')).toBe('{"a":');
  });
});
