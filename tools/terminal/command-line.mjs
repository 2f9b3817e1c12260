// What was typed after a command: `--help` prints its text, a mistake is told in one sentence and
// exits with 2.
import { parseArgs } from 'node:util';

/**
 * @param help what `--help` prints
 * @param config as of parseArgs; without `allowPositionals` a word that is no option is a mistake
 * @returns values and positionals
 */
export function commandLine(help, { options = {}, ...config } = {}) {
  const given = parsed(help, {
    options: { ...options, help: { type: 'boolean', short: 'h' } },
    ...config,
  });
  if (!given.values.help) return given;
  console.log(help);
  process.exit(0);
}

function parsed(help, config) {
  try {
    return parseArgs(config);
  } catch (error) {
    console.error(`${error.message.split('. ')[0].replace(/\.$/, '')}.\n\n${help}`);
    process.exit(2);
  }
}

/** A whole number from `least`; anything else is a mistake. */
export function wholeNumber(name, text, least = 0) {
  if (/^\d{1,9}$/.test(text) && Number(text) >= least) return Number(text);
  console.error(`--${name} ${text}: a whole number from ${least} is needed.`);
  process.exit(2);
}
