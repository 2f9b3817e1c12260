import type { Point } from './layout';

const CORNER = 8;

/** A line through the points, its corners rounded: the `d` of a path of SVG. */
export function pathOf(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (!first) return '';
  const parts = [`M${first.x},${first.y}`];
  for (const [index, corner] of rest.entries()) {
    const [before, after] = [points[index]!, rest[index + 1]];
    if (!after) parts.push(`L${corner.x},${corner.y}`);
    else {
      const [from, to] = [towards(corner, before), towards(corner, after)];
      parts.push(`L${from.x},${from.y}`, `Q${corner.x},${corner.y} ${to.x},${to.y}`);
    }
  }
  return parts.join(' ');
}

/** The middle of the longest part: there is room for a label. */
export function middleOf(points: readonly Point[]): Point {
  let longest: { readonly length: number; readonly at: Point } = {
    length: -1,
    at: points[0] ?? { x: 0, y: 0 },
  };
  for (const [index, point] of points.slice(1).entries()) {
    const before = points[index]!;
    const length = Math.hypot(point.x - before.x, point.y - before.y);
    if (length > longest.length)
      longest = { length, at: { x: (point.x + before.x) / 2, y: (point.y + before.y) / 2 } };
  }
  return longest.at;
}

/** A point near `from`, on the way to another: at most half of it. */
function towards(from: Point, to: Point): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const part = length === 0 ? 0 : Math.min(CORNER, length / 2) / length;
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}
