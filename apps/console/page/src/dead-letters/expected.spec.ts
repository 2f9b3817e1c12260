import { expectedOf } from './expected';

const preview = (expect: string, why: string) => ({ letter: '1', contract: 'a.b', expect, why });

describe('a dry run of many letters', () => {
  it('counts the same results, the most frequent first', () => {
    expect(
      expectedOf([
        preview('handled', 'C.run runs'),
        preview('waits', 'its lane waits for letter 7'),
        preview('waits', 'its lane waits for letter 12'),
        preview('dead again', 'a.b: total is no number'),
      ]),
    ).toEqual([
      { count: 2, expect: 'waits', why: 'its lane waits for another letter' },
      { count: 1, expect: 'handled', why: 'C.run runs' },
      { count: 1, expect: 'dead again', why: 'a.b: total is no number' },
    ]);
  });
});
