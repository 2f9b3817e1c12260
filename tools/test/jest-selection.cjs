// `npx jest --selectProjects orders order.store`: Jest takes every word behind the option for the
// name of a project, and runs all specs of those it knows. Here words that name no project are
// patterns, as everywhere else on that line.
const OPTION = '--selectProjects';

/**
 * @param {readonly string[]} args
 * @param {readonly string[]} names
 * @returns the words behind the option that are no project's name
 */
function patternsOf(args, names) {
  const from = args.indexOf(OPTION);
  if (from < 0) return [];
  const words = args.slice(from + 1);
  const until = words.findIndex((word) => word.startsWith('-'));
  return words.slice(0, until < 0 ? undefined : until).filter((word) => !names.includes(word));
}

/** @param {string} text */
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/**
 * Which files of a project are specs: those that a pattern finds, if there are any.
 * @param {string} root
 * @param {readonly string[]} patterns
 * @returns {{ testMatch: string[], testRegex?: undefined } | { testRegex: string[], testMatch?: undefined }}
 */
function specsIn(root, patterns) {
  if (patterns.length === 0) return { testMatch: ['<rootDir>/src/**/*.spec.ts'] };
  return {
    testRegex: patterns.map(
      (pattern) => `^(?=.*(?:${pattern}))${escaped(root)}/src/.*\\.spec\\.ts$`,
    ),
  };
}

module.exports = { patternsOf, specsIn };
