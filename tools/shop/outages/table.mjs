// A table of the answers of each route during each outage.

/**
 * The answer to one request.
 * @typedef {object} Answer
 * @property {string} route
 * @property {number | string} status of HTTP, or the kind of failure where there is none
 * @property {number} took milliseconds
 */

/**
 * What came of an outage.
 * @typedef {object} Result
 * @property {string} name
 * @property {readonly Answer[]} during
 * @property {string} [recovered] how long after its end all was well
 * @property {string} [untried] the reason for which it was not possible here
 */

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
  const rows = results.map(({ name, during, recovered, untried }) => [
    name,
    ...routes.map((route) => statuses(during.filter((answer) => answer.route === route))),
    slowest(during),
    recovered ?? `not tried: ${untried}`,
  ]);
  const head = ['outage', ...routes, 'slowest', 'all well after'];
  if (!markdown) return table(head, rows);
  return [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}
