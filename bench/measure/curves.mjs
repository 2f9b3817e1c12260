// Figures over steps, as a small SVG without a library: a panel each, the steps as far from each
// other as their logarithms.

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM, HEAD] = [640, 150, 64, 20, 22, 26, 24];
const COLOURS = ['#1b6ca8', '#c0392b', '#7f8c8d', '#27ae60'];

/**
 * @typedef {object} Panel
 * @property {string} name
 * @property {{ name: string, points: [step: number, value: number][] }[]} lines
 */

/**
 * @param {string} title
 * @param {string} by the name of the steps
 * @param {readonly Panel[]} panels
 */
export function curves(title, by, panels) {
  const height = HEAD + HEIGHT * panels.length;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    text(8, 16, title),
    ...panels.flatMap((panel, index) => panelOf(panel, by, HEAD + HEIGHT * index)),
    '</svg>\n',
  ].join('\n');
}

/**
 * @param {Panel} panel
 * @param {string} by
 * @param {number} top
 */
function panelOf({ name, lines }, by, top) {
  const points = lines.flatMap((line) => line.points);
  const steps = [...new Set(points.map(([step]) => step))].sort((one, other) => one - other);
  const [first = 1, last = 1] = [steps[0], steps.at(-1)];
  const most = Math.max(...points.map(([, value]) => value), Number.MIN_VALUE);
  const floor = top + HEIGHT - BOTTOM;
  const share = (/** @type {number} */ step) =>
    last === first ? 0.5 : Math.log(step / first) / Math.log(last / first);
  const x = (/** @type {number} */ step) => LEFT + share(step) * (WIDTH - LEFT - RIGHT);
  const y = (/** @type {number} */ value) => floor - (value / most) * (HEIGHT - TOP - BOTTOM);
  return [
    text(LEFT, top + 10, name),
    `<path d="M${LEFT} ${top + TOP}V${floor}H${WIDTH - RIGHT}" fill="none" stroke="#333"/>`,
    text(8, top + TOP + 8, short(most)),
    text(8, floor, '0'),
    ...steps.map((step) => text(x(step), floor + 14, short(step), '#333', 'middle')),
    text(8, floor + 14, by),
    ...lines.flatMap(({ name: line, points: some }, index) => [
      `<polyline points="${some.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(' ')}" fill="none" stroke="${COLOURS[index]}" stroke-width="1.5"/>`,
      text(LEFT + 220 + 110 * index, top + 10, line, COLOURS[index]),
    ]),
  ];
}

/**
 * @param {number} at
 * @param {number} down
 * @param {string} what
 * @param {string} [fill]
 * @param {'start' | 'middle'} [anchor]
 */
const text = (at, down, what, fill = '#333', anchor = 'start') =>
  `<text x="${at.toFixed(1)}" y="${down}" fill="${fill}" text-anchor="${anchor}">${what}</text>`;

/**
 * `1.2`, `850`, `10 k`, `1 M`.
 * @param {number} value
 */
function short(value) {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`;
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(3))} k`;
  return String(Number(value.toPrecision(value < 100 ? 2 : 4)));
}
