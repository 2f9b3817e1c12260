import type { TransportContext } from '@parley/messaging/transport';
import type { Caller, Statement } from '../connection/database';

const HOUR_MS = 3_600_000;
const KEEP: Statement = {
  name: 'parley_keep_event_days',
  text: 'select parley.keep_event_days() said',
};
const FORGET: Statement = {
  name: 'parley_forget_published',
  text: 'select parley.forget_published()',
};

/**
 * Creates daily partitions of the log ahead, drops expired ones and deletes old ids of published
 * events: now and every hour. Every instance does; the database lets one run at a time.
 */
export class LogRetention {
  private cancel = () => {};

  constructor(
    private readonly database: Caller,
    private readonly context: Pick<TransportContext, 'clock' | 'log'>,
  ) {}

  async start(): Promise<void> {
    const [kept] = await this.database.call<{ said: string | null }>(KEEP);
    if (kept?.said) this.context.log('info', `postgres: of the event log, ${kept.said}`);
    await this.database.call(FORGET);
    this.cancel = this.context.clock.after(HOUR_MS, () => void this.again());
  }

  stop(): void {
    this.cancel();
  }

  private async again(): Promise<void> {
    try {
      await this.start();
    } catch (error) {
      this.context.log(
        'warn',
        'postgres: could not prepare the days ahead of the event log; trying again in an hour',
        { error },
      );
      this.cancel = this.context.clock.after(HOUR_MS, () => void this.again());
    }
  }
}
