import {
  ConsumerServer,
  type Backlog,
  type Deliver,
  type SubscriptionRegistry,
  type ConsumerHealth,
  type TransportContext,
} from '@parley/messaging/transport';
import type { Database } from '../connection/database';
import { QueueConsumer } from './queue-consumer';

/** Receives the service's commands. */
export class CommandConsumer extends ConsumerServer {
  private consumers: readonly QueueConsumer[] = [];

  constructor(
    registry: SubscriptionRegistry,
    private readonly database: Database,
    private readonly deliver: Deliver,
    /** Read at start: whether the service's store commits to the queue's database. */
    private readonly settles: () => boolean,
    private readonly context: TransportContext,
  ) {
    super('command', registry);
  }

  protected async start(): Promise<void> {
    const { database, deliver, context } = this;
    const settles = this.settles();
    this.consumers = this.registry.subscriptions('command').map(
      (subscription) =>
        new QueueConsumer({
          database,
          queue: subscription.name,
          subscription,
          deliver,
          settles,
          clock: context.clock,
          log: context.log,
          passes: context.passes,
        }),
    );
    await Promise.all(this.consumers.map((consumer) => consumer.start()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.consumers.map((consumer) => consumer.stop()));
  }

  async close(): Promise<void> {
    await Promise.all(this.consumers.map((consumer) => consumer.close()));
  }

  health(): ConsumerHealth {
    const [first] = this.consumers;
    return {
      kind: this.kind,
      ...(first?.health() ?? { technology: 'postgres', state: 'starting' }),
    };
  }

  async backlog(): Promise<readonly Backlog[]> {
    return (await Promise.all(this.consumers.map((consumer) => consumer.backlog()))).flat();
  }
}
