import { withTimeout } from './timeout';

/** Messages that are not relayed in time stay in the outbox; the next start relays them. */
const FLUSH_TIMEOUT_MS = 2_000;
/** Longest time of a step that only has to let go. */
export const CLOSE_TIMEOUT_MS = 1_000;

/** Milliseconds that `drain` may take in addition to its time for work under way. */
export const DRAIN_OVERTIME_MS = FLUSH_TIMEOUT_MS + 2 * CLOSE_TIMEOUT_MS;

/** Messaging as its end sees it. */
export interface DrainableMessaging {
  stopConsuming(): Promise<void>;
  /** Resolves true when all work ended in time. */
  drained(milliseconds: number): Promise<boolean>;
  flush(milliseconds: number): Promise<void>;
}

export interface ShutdownOptions {
  /** Longest time for work under way. */
  readonly timeoutMs: number;
  /** Name of the setting of `timeoutMs`, for its warning. */
  readonly setting: string;
  readonly log: (level: 'warn', message: string) => void;
  /** Called when a step begins. */
  readonly onStep?: (doing: string) => void;
}

/**
 * The orderly end of a process. Every step is bounded: one that fails or hangs is reported, and the
 * next ones still run.
 */
export class Shutdown {
  private succeeded = true;

  constructor(private readonly options: ShutdownOptions) {}

  /** True while every step has succeeded. */
  get isOrderly(): boolean {
    return this.succeeded;
  }

  /**
   * Takes no new messages, lets the work under way end, then relays the outbox. It comes before
   * `app.close()`: Nest would close the consumers under running handlers.
   * @param finished further work to wait for, such as HTTP requests; resolves false when it did not
   * end in time
   */
  async drain(
    messaging: DrainableMessaging | undefined,
    finished?: (milliseconds: number) => Promise<boolean>,
  ): Promise<void> {
    const { timeoutMs, setting } = this.options;
    const until = performance.now() + timeoutMs;
    const left = () => Math.max(0, until - performance.now());
    await this.step(
      'stopping the intakes',
      timeoutMs,
      messaging && (() => messaging.stopConsuming()),
    );
    await this.step('finishing what is under way', left() + CLOSE_TIMEOUT_MS, async () => {
      const quiet = await Promise.all([messaging?.drained(left()), finished?.(left())]);
      if (quiet.includes(false))
        throw new Error(
          `not everything ended within ${timeoutMs} ms (${setting}); messages will be delivered again`,
        );
    });
    await this.step(
      'relaying the outbox',
      FLUSH_TIMEOUT_MS + CLOSE_TIMEOUT_MS,
      messaging && (() => messaging.flush(FLUSH_TIMEOUT_MS)),
    );
  }

  /** Closes a part that has nothing left to do. */
  close(part: string, it: { close(): Promise<unknown> } | undefined): Promise<void> {
    return this.step(`closing ${part}`, CLOSE_TIMEOUT_MS, it && (() => it.close()));
  }

  private async step(
    doing: string,
    limitMs: number,
    work: (() => Promise<unknown>) | undefined,
  ): Promise<void> {
    if (!work) return;
    this.options.onStep?.(doing);
    try {
      const late = () => new Error(`did not end within ${Math.round(limitMs)} ms`);
      await withTimeout(limitMs, Promise.resolve().then(work), late);
    } catch (error) {
      this.succeeded = false;
      const reason = error instanceof Error ? error.message : String(error);
      this.options.log('warn', `drain: ${doing}: ${reason}`);
    }
  }
}
