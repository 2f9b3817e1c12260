import { pathOf } from './way';

describe('the way of an edge', () => {
  it('is a line with round corners', () => {
    expect(
      pathOf([
        { x: 0, y: 0 },
        { x: 100, y: 0 },
        { x: 100, y: 50 },
      ]),
    ).toBe('M0,0 L92,0 Q100,0 100,8 L100,50');
  });

  it('rounds no corner beyond the half of a short part', () => {
    expect(
      pathOf([
        { x: 0, y: 0 },
        { x: 4, y: 0 },
        { x: 4, y: 50 },
      ]),
    ).toBe('M0,0 L2,0 Q4,0 4,8 L4,50');
  });

  it('is nothing without points, and stays where two are the same', () => {
    expect(pathOf([])).toBe('');
    const same = { x: 1, y: 1 };
    expect(pathOf([same, same, { x: 9, y: 1 }])).toBe('M1,1 L1,1 Q1,1 5,1 L9,1');
  });
});
