import {
  CLOSE_TIMEOUT_MS,
  DRAIN_OVERTIME_MS,
  type DrainableMessaging,
  Shutdown,
  withTimeout,
} from '@parley/messaging/transport';
import type { Lifecycle } from './lifecycle';

interface Closable {
  close(): Promise<void>;
}

/** Parts of the process that a drain ends. */
export interface Draining {
  readonly lifecycle: Lifecycle;
  /** The HTTP side. */
  readonly door: Closable & { idle(milliseconds: number): Promise<boolean> };
  /** Messages and calls. Absent when the start did not get that far. */
  readonly messaging?: DrainableMessaging & Closable;
  readonly app?: Closable;
  readonly database?: Closable;
  /** Traces that are not exported yet. */
  readonly telemetry?: Closable;
  /** Milliseconds that work under way may take. */
  readonly timeout: number;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, details?: object) => void;
}

/**
 * Milliseconds that all steps together may take in addition to `timeout`: the drain, and the
 * closing of application, technologies, database, traces and door.
 */
export const AFTERWARDS = DRAIN_OVERTIME_MS + 5 * CLOSE_TIMEOUT_MS;

/**
 * Ends the process's work in order; Nest closes idle parts only. Resolves true when every step
 * succeeded.
 */
export async function drain({
  lifecycle,
  door,
  messaging,
  app,
  database,
  telemetry,
  timeout,
  log,
}: Draining): Promise<boolean> {
  const shutdown = new Shutdown({
    timeoutMs: timeout,
    setting: 'DRAIN_TIMEOUT',
    log,
    onStep: (doing) => lifecycle.enter('draining', doing),
  });
  await shutdown.drain(messaging, (milliseconds) => door.idle(milliseconds));
  await shutdown.close('the application', app);
  await shutdown.close('the technologies', messaging);
  await shutdown.close('the database', database);
  await shutdown.close('the export of traces', telemetry);
  lifecycle.enter('stopped');
  const late = () => new Error('HTTP connections do not close');
  await withTimeout(CLOSE_TIMEOUT_MS, door.close(), late).catch(() => undefined); // the process exits now
  return shutdown.isOrderly;
}
