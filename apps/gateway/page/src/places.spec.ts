import { BOX, EDGES, HEIGHT, lineBetween, PLACES, WIDTH } from './places';

/** The points of a path: `M1,2 L3,4`. */
const pointsOf = (path: string) =>
  [...path.matchAll(/(-?[\d.]+),(-?[\d.]+)/g)].map(([, x, y]) => ({ x: Number(x), y: Number(y) }));

const isIn = ({ x, y }: { x: number; y: number }, name: string) =>
  Math.abs(x - PLACES[name]!.x) < BOX.width / 2 && Math.abs(y - PLACES[name]!.y) < BOX.height / 2;

describe('the map', () => {
  it.each(EDGES.map(({ id, from, to }) => [id, from, to] as const))(
    'draws %s outside of every service',
    (_, from, to) => {
      const { line, head } = lineBetween(PLACES[from]!, PLACES[to]!);
      const [start, neck] = pointsOf(line);
      const steps = Array.from({ length: 50 }, (_, step) => ({
        x: start!.x + ((neck!.x - start!.x) * step) / 49,
        y: start!.y + ((neck!.y - start!.y) * step) / 49,
      }));
      for (const name of Object.keys(PLACES))
        expect([name, [...steps, ...pointsOf(head)].filter((point) => isIn(point, name))]).toEqual([
          name,
          [],
        ]);
    },
  );

  it('has two lines beside each other where two services talk to each other', () => {
    const [there, back] = [
      lineBetween(PLACES['orders']!, PLACES['payments']!),
      lineBetween(PLACES['payments']!, PLACES['orders']!),
    ].map(({ line }) => pointsOf(line)[0]!.x);
    expect(Math.abs(there! - back!)).toBe(10);
  });

  it('has room for every service', () => {
    for (const { x, y } of Object.values(PLACES)) {
      expect(x - BOX.width / 2).toBeGreaterThanOrEqual(0);
      expect(x + BOX.width / 2).toBeLessThanOrEqual(WIDTH);
      expect(y - BOX.height / 2).toBeGreaterThanOrEqual(0);
      expect(y + BOX.height / 2).toBeLessThanOrEqual(HEIGHT);
    }
  });
});
