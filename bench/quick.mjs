// The gate: Parley's CPU beside the code by hand, compared with the ratios that were kept.
import fs from 'node:fs';
import path from 'node:path';
import { Mistake } from '../tools/terminal/errors.mjs';
import { cpuRatios } from './measure/results.mjs';
import { summary } from './measure/statistics.mjs';

/** @import { Result } from './measure/results.mjs' */

/**
 * @typedef {object} Kept
 * @property {number} ratio CPU of Parley, a multiple of that by hand
 * @property {number} noise what it may be more, for no reason
 */

const FILE = path.join(import.meta.dirname, 'ratios.json');
/** Two rounds a few minutes apart differ by this share on a quiet machine. */
const NOISE = 0.15;

export const QUICK = {
  mode: 'command-postgres',
  contestants: ['parley', 'by-hand'],
  works: ['send', 'send-100', 'handle-effect', 'batch'],
  rounds: 2,
  scale: 0.5,
};

/** @returns {Record<string, Kept>} by work */
export function keptRatios() {
  if (!fs.existsSync(FILE))
    throw new Mistake(
      'bench/ratios.json is missing, so there is nothing to compare with: npm run bench -- --quick --keep writes it, on a quiet machine.',
    );
  return JSON.parse(fs.readFileSync(FILE, 'utf8'));
}

/** @param {Result} result @returns {Record<string, Kept>} */
export const ratiosOf = (result) =>
  Object.fromEntries(
    QUICK.works.map((work) => {
      const { median, least, most } = summary(cpuRatios(result, 'parley', work));
      return [work, { ratio: round(median), noise: round(Math.max(most - least, median * NOISE)) }];
    }),
  );

/** @param {number} value */
const round = (value) => Number(value.toFixed(3));

/** @param {Result} result */
export function keepRatios(result) {
  const kept = ratiosOf(result);
  fs.writeFileSync(FILE, `${JSON.stringify(kept, null, 2)}\n`);
  console.log(JSON.stringify(kept, null, 2));
}

/**
 * True when a work got worse: in the best of its rounds, what else the machine did met it least.
 * @param {readonly number[]} found ratios, one a round
 * @param {Kept} kept
 */
export const isWorse = (found, { ratio, noise }) => Math.min(...found) > ratio + noise;

/**
 * @param {Result} result
 * @param {Record<string, Kept>} kept
 * @returns whether none got worse
 */
export function compareKept(result, kept) {
  let holds = true;
  for (const [work, before] of Object.entries(kept)) {
    const found = cpuRatios(result, 'parley', work);
    const worse = found.length === 0 || isWorse(found, before);
    holds &&= !worse;
    const seen = found.map((one) => one.toFixed(2)).join(', ');
    console.log(
      `${worse ? '✗' : '✓'} ${work}: ${seen} times the CPU by hand; kept ${before.ratio} + ${before.noise}`,
    );
  }
  return holds;
}
