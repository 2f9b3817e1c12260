import type { Clock, TransportContext } from '@parley/messaging/transport';

const APART_MS = 10;

/**
 * Notifies listeners that there is something new: after the commit, on a connection of its own,
 * never inside a business transaction (where NOTIFY takes a lock that all writers share). Calls in
 * quick succession are merged into one. A notification is a hint and may be lost.
 */
export class NotificationSender {
  private readonly due = new Set<string>();
  private readonly clock: Clock;
  private running?: Promise<void>;
  private lastSent = -Infinity;

  constructor(
    private readonly send: (channels: string[]) => Promise<unknown>,
    private readonly context: Pick<TransportContext, 'clock' | 'log'>,
  ) {
    this.clock = context.clock;
  }

  wake(channel: string): void {
    this.due.add(channel);
    this.running ??= this.run();
  }

  async close(): Promise<void> {
    await this.running;
  }

  private async run(): Promise<void> {
    while (this.due.size > 0) {
      const wait = this.lastSent + APART_MS - performance.now();
      await new Promise<void>((resolve) =>
        wait > 0 ? this.clock.after(wait, resolve) : setImmediate(resolve),
      );
      const channels = [...this.due];
      this.due.clear();
      this.lastSent = performance.now();
      await this.send(channels).catch((error) =>
        this.context.log('debug', 'postgres: nobody was woken; consumers will look by themselves', {
          error,
        }),
      );
    }
    this.running = undefined;
  }
}
