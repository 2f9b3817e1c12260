/** Milliseconds between two attempts, and number of attempts. */
const [PAUSE_MS, ATTEMPTS] = [1_000, 40];
/** SQLSTATEs of a lock timeout and of a deadlock. */
const IN_USE = new Set(['55P03', '40P01']);

export interface PatienceOptions {
  /** Called before the next attempt, with the reason and what comes next. */
  readonly waits: (reason: string, next: string) => void;
  /** The error after the last attempt; default the one of the database. */
  readonly givenUp?: (reason: string, attempts: number, cause: unknown) => Error;
  /** Default 40. */
  readonly attempts?: number;
}

/**
 * Does the work again as long as it finds a table in use. It waits for locks itself, within a
 * `lock_timeout`, so that between two attempts others get the table.
 */
export async function withPatience(
  work: () => Promise<void>,
  { waits, givenUp, attempts = ATTEMPTS }: PatienceOptions,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const { code = '', message } = error as { code?: string; message: string };
      if (!IN_USE.has(code)) throw error;
      if (attempt === attempts) throw givenUp?.(message, attempts, error) ?? error;
      waits(message, `trying again in ${PAUSE_MS / 1_000} s, attempt ${attempt} of ${attempts}`);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
