// Lines over time and bars beside names, as small SVGs, without a library.
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

const [BAR, ROW, NAMES, FIRST_ROW] = [14, 22, 130, 34];

/**
 * A bar for each name, made of parts.
 * @param {string} title
 * @param {readonly { name: string, parts: readonly number[] }[]} rows
 * @param {readonly string[]} legend a word for each part
 */
export function bars(title, rows, legend) {
  const sums = rows.map(({ parts }) => parts.reduce((sum, part) => sum + part, 0));
  const most = Math.max(...sums, Number.MIN_VALUE);
  const height = FIRST_ROW + ROW * rows.length + BOTTOM;
  const wide = (/** @type {number} */ value) => (value / most) * (WIDTH - NAMES - 60);
  const text = (
    /** @type {number} */ at,
    /** @type {number} */ down,
    /** @type {string} */ what,
    fill = '#333',
  ) => `<text x="${at.toFixed(1)}" y="${down}" fill="${fill}">${what}</text>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    text(8, 16, title),
    ...rows.flatMap(({ name, parts }, row) => {
      const down = FIRST_ROW + ROW * row;
      let from = NAMES;
      const drawn = parts.map((part, index) => {
        const x = from.toFixed(1);
        from += wide(part);
        return `<rect x="${x}" y="${down}" width="${wide(part).toFixed(1)}" height="${BAR}" fill="${COLOURS[index]}"/>`;
      });
      const sum = sums[row] ?? 0;
      const value = sum < 100 ? sum.toPrecision(2) : sum.toFixed(0);
      return [text(8, down + 11, name), ...drawn, text(from + 6, down + 11, value)];
    }),
    ...legend.map((word, index) => text(NAMES + 100 * index, height - 10, word, COLOURS[index])),
    '</svg>\n',
  ].join('\n');
}
