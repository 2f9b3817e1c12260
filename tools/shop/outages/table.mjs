// A table of the answers of each route during each outage.

/**
 * The answer to one request.
 * @typedef {object} Answer
 * @property {string} route
 * @property {number | string} status of HTTP, or the kind of failure where there is none
 * @property {number} took milliseconds
 */

/** @typedef {{ name: string, during: readonly Answer[], recovered: string }} Result */

/**
 * `200×30 503×4`, the most frequent first.
 * @param {readonly Answer[]} answers
 */
function statuses(answers) {
  /** @type {Map<number | string, number>} */
  const counts = new Map();
  for (const { status } of answers) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([status, count]) => `${status}×${count}`)
    .join(' ');
}

/** @param {readonly Answer[]} answers */
const slowest = (answers) =>
  answers.length === 0
    ? ''
    : `${(Math.max(...answers.map(({ took }) => took)) / 1000).toFixed(1)} s`;

/**
 * @param {readonly Result[]} results
 * @param {boolean | undefined} markdown
 * @param {(head: string[], rows: string[][]) => string} table
 */
export function statusTable(results, markdown, table) {
  const routes = [...new Set(results.flatMap(({ during }) => during.map(({ route }) => route)))];
  const rows = results.map(({ name, during, recovered }) => [
    name,
    ...routes.map((route) => statuses(during.filter((answer) => answer.route === route))),
    slowest(during),
    recovered,
  ]);
  const head = ['outage', ...routes, 'slowest', 'all well after'];
  if (!markdown) return table(head, rows);
  return [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}
