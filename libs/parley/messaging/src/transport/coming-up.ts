import { sleep } from '@parley/resilience';
import { withTimeout } from '../timeout';

/** Milliseconds within which a technology's start succeeds or fails. */
const STARTED_WITHIN_MS = 15_000;
/** No attempt begins later: the last one needs time for its answer. */
const PATIENCE_MS = 12_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 1_000;
const TOLD_EVERY_MS = 3_000;

/** The opening of a technology at start. */
export interface Opening<T> {
  /** `Redis at redis://cache`, without credentials. */
  readonly broker: string;
  /** Tries once, and leaves nothing open when it rejects. */
  readonly attempt: () => Promise<T>;
  /**
   * The broker's own words when it answered "not yet": the same attempt will succeed soon, without
   * anybody's help. Undefined for every other error.
   */
  readonly notYet: (error: unknown) => string | undefined;
  readonly log: (level: 'warn', message: string) => void;
  /** True when the process ends: nothing is waited for any more. */
  readonly isGivenUp?: () => boolean;
  /** Milliseconds. */
  readonly patience?: number;
}

/**
 * The one rule by which a start waits for a broker that answers, and is not ready yet: it is asked
 * again, within bounds, and what it says is logged every few seconds. Any other error ends the
 * start at once. (A broker that does not listen at all is waited for before, by `serve`.)
 * @throws the last attempt's error
 */
export async function untilUp<T>({
  broker,
  attempt,
  notYet,
  log,
  isGivenUp = () => false,
  patience = PATIENCE_MS,
}: Opening<T>): Promise<T> {
  const begun = performance.now();
  let [last, tellAt]: [unknown, number] = [undefined, 0];
  const late = () =>
    (last as Error) ?? new Error(`no answer within ${STARTED_WITHIN_MS / 1_000} s`);
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    try {
      const left = begun + STARTED_WITHIN_MS - performance.now();
      return await withTimeout(left, attempt(), late);
    } catch (error) {
      const answer = notYet(error);
      const waited = performance.now() - begun;
      if (answer === undefined || isGivenUp() || waited + pause > patience) throw error;
      last = error;
      if (waited >= tellAt) {
        log('warn', `waiting for ${broker}, which is not ready yet: ${answer}`);
        tellAt = waited + TOLD_EVERY_MS;
      }
    }
    await sleep(pause);
    if (isGivenUp()) throw last;
  }
}

/** The end of the sentence on a broker that was waited for in vain. */
export const notReady = (answer: string): string =>
  `is there, but not ready yet (${answer}); it was waited for: start again when it is`;
