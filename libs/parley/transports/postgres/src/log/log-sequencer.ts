import type { TransportContext } from '@parley/messaging/transport';
import type { Caller, Statement } from '../connection/database';

/** Milliseconds between the starts of two calls, at least … */
const MIN_INTERVAL_MS = 5;
/**
 * … and so many times as long as the last one took: under load, calls grow and their number does
 * not.
 */
const DUTY_CYCLE = 4;
const BUSY_POLL_INTERVAL_MS = 100;
const IDLE_POLL_INTERVAL_MS = 1_000;
/** How long after the last sign of life more events are expected. */
const BUSY_FOR_MS = 1_000;

const SEQUENCE: Statement = {
  name: 'parley_sequence_events',
  text: 'select parley.sequence_events()',
};

/**
 * Calls `sequence_events`, which gives offsets to the events that were committed. Any instance may,
 * none has to: each calls it after its own commits, and everyone who reads calls it now and then
 * for those who could not any more.
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

  /** After a commit. One call runs, one waits; calls start at least 5 ms apart. */
  wake(): void {
    this.busyUntil = performance.now() + BUSY_FOR_MS;
    this.waiting = true;
    if (!this.running && !this.stopped) this.running = this.run();
  }

  /**
   * From now on also without being woken: an instance may have died between its commit and its
   * call.
   */
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
