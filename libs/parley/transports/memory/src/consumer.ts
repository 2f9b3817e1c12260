import { AsyncLocalStorage } from 'node:async_hooks';
import type { Kind } from '@parley/contract';
import {
  BroadcastConsumer,
  ConsumerServer,
  type Backlog,
  type Deliver,
  type SubscriptionRegistry,
  type Headers,
  type ConsumerHealth,
  type Outcome,
  type RegisteredSubscription,
  type TransportContext,
} from '@parley/messaging/transport';
import type { MemoryBroker } from './broker';
import type { Consumer, MemoryQueue } from './queue';
import type { Item } from './queue-item';

interface Attachment {
  readonly queue: MemoryQueue;
  readonly consumer: Consumer;
}

export class MemoryConsumer extends ConsumerServer {
  private state: ConsumerHealth['state'] = 'starting';
  private readonly attached: Attachment[] = [];
  private readonly unlisten: (() => void)[] = [];
  /** For broadcasts, and for events of live tails. */
  private readonly broadcasts: BroadcastConsumer[] = [];
  private readonly closed = new AbortController();
  /**
   * Runs deliveries outside of the sender's conversation and transaction, from which they are
   * started.
   */
  private readonly outside = AsyncLocalStorage.snapshot();

  constructor(
    kind: Exclude<Kind, 'call'>,
    registry: SubscriptionRegistry,
    private readonly broker: MemoryBroker,
    private readonly deliver: Deliver,
    private readonly log: TransportContext['log'],
  ) {
    super(kind, registry);
  }

  async stop(): Promise<void> {
    this.state = 'stopped';
    for (const { queue, consumer } of this.attached) queue.pause(consumer);
    for (const stop of this.unlisten.splice(0)) stop();
    for (const consumer of this.broadcasts) consumer.stop();
  }

  override async close(): Promise<void> {
    await this.stop();
    this.closed.abort(new Error('the intake was closed'));
    await Promise.all(this.broadcasts.map((consumer) => consumer.close()));
    for (const consumer of this.broadcasts.splice(0)) this.broker.broadcasts.delete(consumer);
    for (const { queue, consumer } of this.attached.splice(0)) queue.detach(consumer);
  }

  health(): ConsumerHealth {
    return { technology: 'memory', kind: this.kind, state: this.state };
  }

  async backlog(): Promise<readonly Backlog[]> {
    return this.attached.map(({ queue }) => ({
      subscription: queue.name,
      waiting: queue.waiting,
      parked: 0,
      delayed: 0,
      dead: 0,
    }));
  }

  protected async start(): Promise<void> {
    for (const subscription of this.registry.subscriptions(this.kind)) this.subscribe(subscription);
    this.state = 'consuming';
  }

  private subscribe(subscription: RegisteredSubscription): void {
    if (subscription.kind === 'command')
      this.consume(this.broker.commandsOf(subscription.name), subscription);
    else if (subscription.kind === 'broadcast')
      this.unlisten.push(this.broker.listen(this.receive(subscription)));
    else if (subscription.live) this.unlisten.push(this.broker.tail(this.receive(subscription)));
    else this.consume(this.broker.groupOf(subscription), subscription);
  }

  private consume(queue: MemoryQueue, subscription: RegisteredSubscription): void {
    const handle = (item: Item): Promise<Outcome> => {
      // The whole log reaches every group; events without a handler here are skipped. Unknown
      // commands are not.
      if (subscription.kind === 'event' && !isFor(subscription, item.headers))
        return Promise.resolve({ kind: 'done', settled: false });
      return this.outside(() => this.handOver(subscription, item.headers, item.body));
    };
    const consumer: Consumer = { subscription, handle };
    subscription.onConcurrency?.(() => queue.widened());
    this.attached.push({ queue, consumer });
    queue.attach(consumer);
  }

  private receive(subscription: RegisteredSubscription) {
    const deliver: Deliver = (delivery) => this.outside(() => this.deliver(delivery));
    const consumer = new BroadcastConsumer(subscription, deliver, this.log);
    this.broadcasts.push(consumer);
    this.broker.broadcasts.add(consumer);
    return (headers: Headers, body: Buffer): void => {
      if (!isFor(subscription, headers)) return;
      this.broker.arriving++;
      setImmediate(() => {
        this.broker.arriving--;
        consumer.receive({ headers, body: Buffer.from(body) });
      });
    };
  }

  private handOver(
    subscription: RegisteredSubscription,
    headers: Headers,
    body: Buffer,
  ): Promise<Outcome> {
    return this.deliver({
      subscription,
      headers,
      body: Buffer.from(body),
      attempt: 1,
      signal: this.closed.signal,
      supports: { retry: false, dead: false },
    });
  }
}

const isFor = ({ handlers }: RegisteredSubscription, { type }: Headers): boolean =>
  handlers.has(type ?? '');
