import { filtersIn, queryOf, timeIn } from './url-state';

describe('filters in the address', () => {
  const NAMES = ['service', 'group', 'stuck'] as const;

  it('are texts, also where the router read a number or a truth', () => {
    expect(filtersIn(NAMES, { service: ' orders ', group: 12345678, stuck: true })).toEqual({
      service: 'orders',
      group: '12345678',
      stuck: 'true',
    });
  });

  it('are none where names are unknown, or values empty or senseless', () => {
    expect(filtersIn(NAMES, { other: 'x', service: '  ', group: { a: 1 }, stuck: null })).toEqual(
      {},
    );
  });

  it('become the query of a request, without what is not set', () => {
    expect(queryOf({ service: 'a b', limit: 5, group: undefined, error: '' })).toBe(
      '?service=a+b&limit=5',
    );
    expect(queryOf({})).toBe('');
  });

  it('take a time as such, or how long ago it was', () => {
    const now = Date.parse('2026-11-23T09:00:00Z');
    expect(timeIn('2h', now)).toBe('2026-11-23T07:00:00.000Z');
    expect(timeIn('15m', now)).toBe('2026-11-23T08:45:00.000Z');
    expect(timeIn('2026-11-22T10:00:00+01:00', now)).toBe('2026-11-22T09:00:00.000Z');
    expect(timeIn('yesterday evening', now)).toBeUndefined();
  });
});
