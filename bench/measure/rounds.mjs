// The order of a bench: A B C, A B C, so that what the machine does meanwhile meets all of them.

/**
 * @template T
 * @param {number} rounds
 * @param {readonly T[]} contestants
 * @returns {{ round: number, contestant: T }[]} rounds count from 0
 */
export const interleaved = (rounds, contestants) =>
  Array.from({ length: rounds }, (_, round) =>
    contestants.map((contestant) => ({ round, contestant })),
  ).flat();
