import type { OutgoingMessage, TransportContext } from '@parley/messaging/transport';
import { publishBroadcasts } from './broadcast';
import type { Caller, Statement } from '../connection/database';

const SWEEP_EVERY_MS = 60_000;
const SWEEP: Statement = {
  name: 'parley_sweep_broadcasts',
  text: 'select parley.sweep_broadcasts()',
};

interface Waiting {
  readonly messages: readonly OutgoingMessage[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Publishes broadcasts in the order of the calls: one statement runs at a time, and calls made
 * meanwhile share the next one.
 */
export class BroadcastPublisher {
  private waiting: Waiting[] = [];
  private running?: Promise<void>;
  private sweptAt: number;

  constructor(
    private readonly database: Caller,
    private readonly context: Pick<TransportContext, 'clock' | 'log'>,
  ) {
    this.sweptAt = performance.now();
  }

  publish(messages: readonly OutgoingMessage[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ messages, resolve, reject });
      this.running ??= this.run();
    });
  }

  async close(): Promise<void> {
    await this.running;
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0) await this.send(this.waiting.splice(0));
    this.running = undefined;
    this.sweep();
  }

  private async send(batch: readonly Waiting[]): Promise<void> {
    try {
      await publishBroadcasts(
        this.database,
        batch.flatMap(({ messages }) => messages),
      );
      for (const { resolve } of batch) resolve();
    } catch (error) {
      if (batch.length === 1) return batch[0]!.reject(error);
      for (const one of batch) await this.send([one]); // one refused broadcast must not fail the others
    }
  }

  /** Long broadcasts are kept in a table for a few minutes; publishers delete old ones. */
  private sweep(): void {
    if (performance.now() - this.sweptAt < SWEEP_EVERY_MS) return;
    this.sweptAt = performance.now();
    this.database.call(SWEEP).catch((error: unknown) => {
      this.context.log('debug', 'postgres: old broadcasts could not be swept', { error });
    });
  }
}
