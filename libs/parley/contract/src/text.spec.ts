import { text } from './text';

const why = (value: unknown) =>
  text(5)
    .safeParse(value)
    .error?.issues.map(({ message }) => message);

describe('text a person typed', () => {
  it('is trimmed', () => {
    expect(text(5).parse('  Ada\n')).toBe('Ada');
  });

  it('counts after trimming', () => {
    expect(text(5).parse('     Grace')).toBe('Grace');
    expect(why('Graces')).toEqual(['is longer than 5 characters']);
  });

  it.each(['', '   ', '\t\n'])('is not empty: %j', (value) => {
    expect(why(value)).toEqual(['is empty']);
  });

  it.each(['a\0b', 'a\nb', 'a\u007fb', 'a\u0085b'])('holds no control character: %j', (value) => {
    expect(why(value)).toEqual(['holds a control character']);
  });

  it.each(['\ud800', 'a\udc00', '\udc00\ud800'])(
    'holds no half of a surrogate pair: %j',
    (value) => {
      expect(why(value)).toEqual(['holds half of a surrogate pair']);
    },
  );

  it.each(['Zoë', '🦊', '山田', "O'Hea"])('may be %s', (value) => {
    expect(text(5).parse(value)).toBe(value);
  });
});
