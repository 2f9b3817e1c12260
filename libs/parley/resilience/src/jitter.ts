/**
 * Between half of `milliseconds` and all of it: callers that failed at the same moment do not come
 * back at the same moment.
 */
export const jittered = (milliseconds: number, random: () => number = Math.random): number =>
  milliseconds * (0.5 + random() / 2);
