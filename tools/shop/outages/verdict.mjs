// What fails a run of outages.

/** @import { Result } from './table.mjs' */

/**
 * @param {readonly Result[]} results
 * @returns {readonly string[]} for people; none when every outage was tried, and told as one
 */
export function failuresOf(results) {
  const bugs = results.flatMap(({ name, during }) =>
    during.filter(({ status }) => status === 500).map(({ route }) => `${name}: ${route}`),
  );
  const untried = results.filter((result) => result.untried !== undefined);
  return [
    ...(bugs.length > 0
      ? [`500 where an outage should be told:\n${[...new Set(bugs)].join('\n')}`]
      : []),
    ...(untried.length > 0
      ? [
          `Not tried:\n${untried.map(({ name, untried }) => `${name}: ${untried}`).join('\n')}\n--without-brokers leaves out those of brokers.`,
        ]
      : []),
  ];
}
