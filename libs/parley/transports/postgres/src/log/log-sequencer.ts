import type { TransportContext } from '@parley/messaging/transport';
import type { Caller, Statement } from '../connection/database';

/** Shortest interval between the starts of two calls, together with DUTY_CYCLE. */
const MIN_INTERVAL_MS = 5;
/**
 * Shortest interval between the starts of two calls, in durations of the last call: under load,
 * calls sequence more events, and their number does not grow.
 */
const DUTY_CYCLE = 4;
const BUSY_POLL_INTERVAL_MS = 100;
const IDLE_POLL_INTERVAL_MS = 1_000;
/** Milliseconds after the last wake-up in which more events are expected. */
const BUSY_FOR_MS = 1_000;

const SEQUENCE: Statement = {
  name: 'parley_sequence_events',
  text: 'select parley.sequence_events()',
};

/**
 * Calls `sequence_events`, which gives offsets to committed events. Any instance may call it: each
 * does after its own commits, and every reader does from time to time, for instances that died
 * before their call.
 */
export class Sequencer {
  private running?: Promise<void>;
  private waiting = false;
  private nextAt = -Infinity;
  private busyUntil = -Infinity;
  private stopped = false;
  private cancelPoll?: () => void;

  constructor(
    private readonly database: Caller,
    private readonly context: Pick<TransportContext, 'clock' | 'log'>,
  ) {}

  /** Call after a commit. One call runs and one waits; calls start at least 5 ms apart. */
  wake(): void {
    this.busyUntil = performance.now() + BUSY_FOR_MS;
    this.waiting = true;
    if (!this.running && !this.stopped) this.running = this.run();
  }

  /** Starts polling, for instances that died between their commit and their call. */
  watch(): void {
    if (!this.cancelPoll) this.poll();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelPoll?.();
    await this.running;
  }

  private async run(): Promise<void> {
    while (this.waiting) {
      const wait = this.nextAt - performance.now();
      if (wait > 0) await new Promise<void>((resolve) => this.context.clock.after(wait, resolve));
      this.waiting = false;
      const started = performance.now();
      await this.sequence();
      this.nextAt = Math.max(
        started + MIN_INTERVAL_MS,
        started + DUTY_CYCLE * (performance.now() - started),
      );
    }
    this.running = undefined;
  }

  private async sequence(): Promise<void> {
    try {
      await this.database.call(SEQUENCE);
    } catch (error) {
      this.context.log(
        'debug',
        'postgres: events wait for their offsets; the next call will find them',
        { error },
      );
    }
  }

  private poll(): void {
    const wait = performance.now() < this.busyUntil ? BUSY_POLL_INTERVAL_MS : IDLE_POLL_INTERVAL_MS;
    this.cancelPoll = this.context.clock.after(wait, () => {
      if (this.stopped) return;
      this.waiting = true;
      this.running ??= this.run();
      this.running.then(() => !this.stopped && this.poll());
    });
  }
}
