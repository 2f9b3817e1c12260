import { startTimer } from '@parley/resilience';
import type { Lifecycle } from './lifecycle';

/** Parts of the process that a drain ends, in this order. */
export interface Draining {
  readonly lifecycle: Lifecycle;
  /** The HTTP side. */
  readonly door: { idle(milliseconds: number): Promise<boolean>; close(): Promise<void> };
  /** Messages and calls. Absent when the start did not get that far. */
  readonly messaging?: {
    stopConsuming(): Promise<void>;
    drained(milliseconds: number): Promise<boolean>;
    flush(milliseconds: number): Promise<void>;
    close(): Promise<void>;
  };
  readonly app?: { close(): Promise<void> };
  readonly database?: { close(): Promise<void> };
  /** Milliseconds that work under way may take. */
  readonly timeout: number;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, details?: object) => void;
}

/** Messages that are not relayed in time stay in the outbox; the next start relays them. */
const FLUSH_TIMEOUT = 2_000;
/** For everything that merely has to let go. */
const CLOSE_TIMEOUT = 1_000;

/** Milliseconds that all steps together may take in addition to `timeout`. */
export const AFTERWARDS = FLUSH_TIMEOUT + 6 * CLOSE_TIMEOUT;

/**
 * Ends the process's work in order. Nest's own order closes the consumers after the destroy hooks,
 * under handlers that still run; so they are closed here, and Nest closes idle parts only. A step
 * that fails or hangs is reported, and the others still run. Resolves true when every step
 * succeeded.
 */
export async function drain({
  lifecycle,
  door,
  messaging,
  app,
  database,
  timeout,
  log,
}: Draining): Promise<boolean> {
  const until = performance.now() + timeout;
  const left = () => Math.max(0, until - performance.now());
  let orderly = true;
  const step = async (doing: string, limit: number, work: (() => Promise<unknown>) | undefined) => {
    if (!work) return;
    lifecycle.enter('draining', doing);
    const problem = await within(limit, work);
    if (problem === undefined) return;
    orderly = false;
    log('warn', `drain: ${doing}: ${problem}`);
  };

  await step('stopping the intakes', timeout, messaging && (() => messaging.stopConsuming()));
  await step('finishing what is under way', left() + CLOSE_TIMEOUT, async () => {
    const quiet = await Promise.all([messaging?.drained(left()) ?? true, door.idle(left())]);
    if (quiet.includes(false))
      throw new Error(
        `not everything ended within ${timeout} ms (DRAIN_TIMEOUT); messages will be delivered again`,
      );
  });
  await step(
    'relaying the outbox',
    FLUSH_TIMEOUT + CLOSE_TIMEOUT,
    messaging && (() => messaging.flush(FLUSH_TIMEOUT)),
  );
  await step('closing the application', CLOSE_TIMEOUT, app && (() => app.close()));
  await step('closing the technologies', CLOSE_TIMEOUT, messaging && (() => messaging.close()));
  await step('closing the database', CLOSE_TIMEOUT, database && (() => database.close()));
  lifecycle.enter('stopped');
  await within(CLOSE_TIMEOUT, () => door.close());
  return orderly;
}

/** Why `work` did not end well in time, or undefined. */
async function within(
  milliseconds: number,
  work: () => Promise<unknown>,
): Promise<string | undefined> {
  let cancel = (): void => undefined;
  const late = new Promise<string>(
    (resolve) =>
      (cancel = startTimer(milliseconds, () =>
        resolve(`did not end within ${Math.round(milliseconds)} ms`),
      )),
  );
  const done = Promise.resolve()
    .then(work)
    .then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
  return Promise.race([done, late]).finally(() => cancel());
}
