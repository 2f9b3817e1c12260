// What each route answered during each outage.

/** `200×30 503×4`, the most frequent first. */
function statuses(answers) {
  const counts = new Map();
  for (const { status } of answers) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([status, count]) => `${status}×${count}`)
    .join(' ');
}

const slowest = (answers) =>
  answers.length === 0
    ? ''
    : `${(Math.max(...answers.map(({ took }) => took)) / 1000).toFixed(1)} s`;

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
