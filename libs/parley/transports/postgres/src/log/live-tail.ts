import { KeyedExecutor, type RegisteredSubscription } from '@parley/messaging/transport';
import { Partition } from './log-partition';
import type { Statement } from '../connection/database';
import { type LoggedEvent, LogReader } from './log-reader';
import type { SubscriptionPlace } from './log-subscription';

const ENDS: Statement = {
  name: 'parley_event_ends',
  text: 'select part, pos from parley.event_ends()',
};

/**
 * A live tail: delivers every event from now on to this instance, at most once, in order per key.
 * Stores nothing.
 */
export class LiveTail {
  private readonly reader: LogReader;
  private readonly lanes: KeyedExecutor;

  constructor(
    readonly subscription: RegisteredSubscription,
    private readonly place: Pick<SubscriptionPlace, 'database' | 'context' | 'deliver'>,
  ) {
    this.lanes = new KeyedExecutor(subscription, () => this.reader.pump());
    this.reader = new LogReader(
      subscription.name,
      null,
      [...subscription.handlers.keys()],
      place.database,
      place.context,
      (partition, event) => {
        partition.queued++;
        this.lanes.add(event.key, async () => {
          partition.queued--;
          partition.finish(event.offset);
          if (partition.leaving) return;
          const body = event.body ?? (await this.fetched(partition, event));
          if (body && !partition.leaving)
            await place.deliver({
              subscription,
              headers: event.headers,
              body,
              attempt: 1,
              signal: partition.signal,
              supports: { retry: false, dead: false },
            });
        });
      },
    );
  }

  get problem(): string | undefined {
    return this.reader.problem;
  }

  /** Reads a large body. Delivery is at most once: an event that cannot be read is missed. */
  private fetched(partition: Partition, event: LoggedEvent): Promise<Buffer | undefined> {
    return this.reader.fetch(partition, event).catch((error: Error) => {
      this.place.context.log(
        'warn',
        `${this.subscription.name}: an event cannot be read, and is missed`,
        { error },
      );
      return undefined;
    });
  }

  async start(): Promise<void> {
    const rows = await this.place.database.call<{ part: number; pos: string }>(ENDS);
    for (const { part, pos } of rows)
      this.reader.partitions.set(part, new Partition(part, Number(pos), 0));
  }

  hint(contracts?: readonly string[], parts?: readonly number[]): void {
    this.reader.hint(contracts, parts);
  }

  async stop(): Promise<void> {
    for (const partition of this.reader.partitions.values()) partition.leaving = true;
    await this.reader.stop();
  }

  async close(): Promise<void> {
    await this.stop();
    for (const partition of this.reader.partitions.values())
      partition.lose(new Error(`${this.subscription.name}: the instance stops`));
  }
}
