import { type MessageHandler, ServerKafka } from '@nestjs/microservices';
import {
  type Backlog,
  type Deliver,
  type HandlerExtras,
  type SubscriptionRegistry,
  type Consumer,
  type ConsumerHealth,
  TRANSPORT_ID,
  type TransportContext,
} from '@parley/messaging/transport';
import { type Address, startFailure } from './address';
import type { KafkaClient } from './client';
import { GroupReader } from './group-reader';
import type { Stored, Topics } from './topology';

/** ServerKafka with one consumer per subscription; commits up to the lowest unfinished offset. */
export class KafkaConsumerServer extends ServerKafka implements Consumer {
  override transportId: symbol;
  private readers: readonly GroupReader[] = [];
  private state: ConsumerHealth['state'] = 'starting';
  private closing?: Promise<void>;

  constructor(
    private readonly kind: Stored,
    private readonly address: Address,
    private readonly registry: SubscriptionRegistry,
    private readonly pipeline: Deliver,
    private readonly parts: {
      readonly client: KafkaClient;
      readonly topics: Topics;
      readonly context: TransportContext;
    },
  ) {
    super({});
    this.transportId = TRANSPORT_ID[kind];
  }

  override addHandler(
    _pattern: unknown,
    run: MessageHandler,
    _isEvent?: boolean,
    extras?: unknown,
  ): void {
    this.registry.add(run, extras as HandlerExtras);
  }

  override async listen(started: (error?: unknown) => void): Promise<void> {
    this.readers = this.registry.subscriptions(this.kind).map(
      (subscription) =>
        new GroupReader(subscription, {
          ...this.parts,
          address: this.address,
          deliver: this.pipeline,
        }),
    );
    try {
      await Promise.all(this.readers.map((reader) => reader.start()));
    } catch (error) {
      await this.close();
      return started(startFailure(this.address, error));
    }
    this.state = 'consuming';
    started();
  }

  stop(): Promise<void> {
    this.state = 'stopped';
    for (const reader of this.readers) reader.stop();
    return Promise.resolve();
  }

  override close(): Promise<void> {
    return (this.closing ??= this.closeNow());
  }

  health(): ConsumerHealth {
    const problem =
      this.state === 'consuming'
        ? this.readers.find((reader) => reader.problem)?.problem
        : undefined;
    const state = problem ? 'disconnected' : this.state;
    return {
      technology: 'kafka',
      kind: this.kind,
      state,
      ...(problem && { reason: `${problem} (${this.address})` }),
    };
  }

  async backlog(): Promise<readonly Backlog[]> {
    const backlogs = await Promise.all(this.readers.map((reader) => reader.backlog()));
    return backlogs.filter((backlog) => backlog !== undefined);
  }

  override unwrap<T>(): T {
    throw new Error(
      `${this.kind} intake: there is a client for every subscription; ask health() and backlog()`,
    );
  }

  private async closeNow(): Promise<void> {
    await this.stop();
    await Promise.all(this.readers.map((reader) => reader.close('the drain ran out of time')));
  }
}
