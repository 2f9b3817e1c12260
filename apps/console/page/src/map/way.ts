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

/** A point near `from`, on the way to another: at most half of it. */
function towards(from: Point, to: Point): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const part = length === 0 ? 0 : Math.min(CORNER, length / 2) / length;
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}
