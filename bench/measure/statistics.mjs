// Numbers of several rounds in one.

/** @param {readonly number[]} numbers */
const sorted = (numbers) => [...numbers].sort((a, b) => a - b);

/** @param {readonly number[]} numbers */
export const median = (numbers) => {
  const all = sorted(numbers);
  const upper = all[all.length >> 1] ?? NaN;
  return all.length % 2 ? upper : ((all[(all.length >> 1) - 1] ?? NaN) + upper) / 2;
};

/**
 * The number below which this share lies.
 * @param {readonly number[]} numbers
 * @param {number} share from 0 to 1
 */
export const quantile = (numbers, share) =>
  sorted(numbers)[Math.min(numbers.length - 1, Math.floor(numbers.length * share))] ?? NaN;

/**
 * @typedef {object} Summary
 * @property {number} median
 * @property {number} least
 * @property {number} most
 */

/**
 * @param {readonly number[]} numbers
 * @returns {Summary}
 */
export const summary = (numbers) => ({
  median: median(numbers),
  least: sorted(numbers)[0] ?? NaN,
  most: sorted(numbers).at(-1) ?? NaN,
});

/**
 * One contestant against another, round by round: what the machine did meanwhile met both. A round
 * that one of them lacks does not count.
 * @param {readonly (number | undefined)[]} ours
 * @param {readonly (number | undefined)[]} theirs
 */
export const ratios = (ours, theirs) =>
  ours.flatMap((one, round) => {
    const other = theirs[round];
    return one === undefined || other === undefined ? [] : [one / other];
  });
