// Lines over time as a small SVG, without a library.
const [WIDTH, HEIGHT, LEFT, TOP, BOTTOM] = [640, 220, 48, 28, 28];
const COLOURS = ['#1b6ca8', '#c0392b', '#7f8c8d'];

/**
 * @param {string} title
 * @param {{ name: string, points: [number, number][] }[]} lines seconds and value
 */
export function plot(title, lines) {
  const points = lines.flatMap((line) => line.points);
  const last = Math.max(...points.map(([at]) => at), 1);
  const most = Math.max(...points.map(([, value]) => value), 1);
  const x = (/** @type {number} */ at) => LEFT + (at / last) * (WIDTH - LEFT - 12);
  const y = (/** @type {number} */ value) =>
    HEIGHT - BOTTOM - (value / most) * (HEIGHT - TOP - BOTTOM);
  const text = (
    /** @type {number} */ at,
    /** @type {number} */ down,
    /** @type {string} */ what,
    fill = '#333',
  ) => `<text x="${at}" y="${down}" fill="${fill}">${what}</text>`;
  const path = (/** @type {[number, number][]} */ line) =>
    line.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(LEFT, 16, title),
    `<path d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - 12}" fill="none" stroke="#333"/>`,
    text(4, TOP + 8, `${Math.round(most)}/s`),
    text(4, HEIGHT - BOTTOM, '0'),
    text(WIDTH - 60, HEIGHT - 10, `${Math.round(last)} s`),
    ...lines.map(
      ({ points: line }, index) =>
        `<polyline points="${path(line)}" fill="none" stroke="${COLOURS[index]}" stroke-width="1.5"/>`,
    ),
    ...lines.map(({ name }, index) => text(LEFT + 150 * index, HEIGHT - 10, name, COLOURS[index])),
    '</svg>\n',
  ].join('\n');
}
