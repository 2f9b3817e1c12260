import { isDuration, milliseconds, type Duration } from './duration';

describe('a duration', () => {
  it.each<[Duration, number]>([
    ['800ms', 800],
    ['5s', 5_000],
    ['15m', 900_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['1.5s', 1_500],
    ['0s', 0],
    [250, 250],
    [0, 0],
  ])('%p is %p milliseconds', (duration, expected) => {
    expect(milliseconds(duration)).toBe(expected);
  });

  it.each(['36526d', '9007199254740993ms', 1e15, `${'9'.repeat(400)}d`])(
    '%p is too long',
    (duration) => {
      expect(() => milliseconds(duration as Duration)).toThrow(/longer than 100 years/);
    },
  );

  it.each([
    '5 m',
    '5\tm',
    '5m ',
    '',
    '5',
    's',
    '5 s',
    '-5s',
    '5s5',
    '1e3s',
    ' 5s',
    '5sec',
    -1,
    NaN,
    Infinity,
  ])('%p is none', (text) => {
    expect(() => milliseconds(text as Duration)).toThrow(RangeError);
    expect([isDuration(text), isDuration('5s'), isDuration(undefined)]).toEqual([
      false,
      true,
      false,
    ]);
  });
});
