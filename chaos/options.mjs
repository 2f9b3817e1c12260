// The options of `npm run chaos --`.
import { parseArgs } from 'node:util';
import { messageOf, Mistake } from '../tools/terminal/errors.mjs';
import { PLANTS } from './plants.mjs';
import { APART, FAULTS, shortestFor, TOGETHER } from './schedule.mjs';

export const HELP = `npm run chaos -- [options]   runs the whole shop under load, breaks it on a schedule, and judges the result

  --seed N          repeats the schedule and the orders of an earlier run (default 1)
  --minutes M       how long there is load and harm (default 5); healing and judging come on top
  --all             the whole proof: seeds 1, 7, 42 and --seed for 10 minutes (or --minutes) each, then the
                    faults of one message or connection, then every plant; one table at the end
  --faults F01,F03  only these (default: ${TOGETHER[0]} to ${TOGETHER.at(-1)}; ${Object.keys(APART).join(', ')} concern one message or connection,
                    and run without the others)
${Object.entries(FAULTS)
  .map(([id, { what }]) => `                      ${id}  ${what}`)
  .join('\n')}
  --planted NAME    plants a bug in this run's copy of the sources; the run passes if the judge finds it. Each has its own
                    faults and minutes
${Object.entries(PLANTS)
  .map(([name, { what }]) => `                      ${name}  ${what}`)
  .join('\n')}
  --rate N          orders a second (default 3)
  --within SECONDS  the longest time without progress after healing (default 180): slow is fine, stuck is not
  --schedule        prints the schedule and does nothing
  --help            this

The run is a copy of the checkout below the system's temporary folder, with its own data and ports: a shop that runs from this
checkout is left alone. PARLEY_PORT (14000) and PARLEY_POSTGRES_PORT (15432) set the ports. Records are kept in .data/chaos;
node chaos/check.mjs FOLDER judges one again. Exit code 0: every invariant holds and every fault had its effect; 1: not so; 2: a
mistake in the options.
`;

const OPTIONS = /** @type {const} */ ({
  seed: { type: 'string', default: '1' },
  minutes: { type: 'string' },
  faults: { type: 'string' },
  planted: { type: 'string' },
  rate: { type: 'string', default: '3' },
  within: { type: 'string', default: '180' },
  schedule: { type: 'boolean' },
  all: { type: 'boolean' },
  record: { type: 'string' }, // the folder; given by --all
  help: { type: 'boolean' },
});

/**
 * @param {string} name
 * @param {string} text
 */
function positive(name, text) {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0 && value <= 100_000) return value;
  throw new Mistake(`--${name} is "${text}", but must be a number above 0.`);
}

/**
 * @template T
 * @param {string} name
 * @param {Readonly<Record<string, T>>} all
 * @param {string} what
 * @returns {T}
 */
function known(name, all, what) {
  const found = all[name];
  if (found !== undefined) return found;
  throw new Mistake(`There is no ${what} "${name}": it is one of ${Object.keys(all).join(', ')}.`);
}

/** @param {string[]} argv */
function parse(argv) {
  try {
    return parseArgs({ args: argv, options: OPTIONS }).values;
  } catch (error) {
    throw new Mistake(`${messageOf(error).split('.')[0]}. See npm run chaos -- --help.`);
  }
}

/** @typedef {ReturnType<typeof chaosOptions>} ChaosOptions */

/** @param {string[]} argv */
export function chaosOptions(argv) {
  const values = parse(argv);
  const plant = values.planted === undefined ? undefined : known(values.planted, PLANTS, 'plant');
  const faults =
    values.faults
      ?.split(',')
      .filter(Boolean)
      .map((id) => (known(id, FAULTS, 'fault'), id)) ??
    plant?.faults ??
    TOGETHER;
  if (faults.some((id) => id in APART) && !faults.every((id) => id in APART))
    throw new Mistake(
      `${Object.keys(APART).join(', ')} concern one message or connection: give them without the others.`,
    );
  const seconds =
    positive('minutes', values.minutes ?? String(plant?.minutes ?? (values.all ? 10 : 5))) * 60;
  if (!values.help && seconds < shortestFor(faults))
    throw new Mistake(
      `${faults.join(', ')} take at least ${(shortestFor(faults) / 60).toFixed(1)} minutes: say --minutes or fewer --faults.`,
    );
  if (!/^\d{1,9}$/.test(values.seed))
    throw new Mistake(`--seed is "${values.seed}", but must be a whole number.`);
  const numbers = {
    seed: Number(values.seed),
    rate: positive('rate', values.rate),
    within: positive('within', values.within),
  };
  return { ...values, ...numbers, seconds, faults, gaps: plant?.gaps };
}
