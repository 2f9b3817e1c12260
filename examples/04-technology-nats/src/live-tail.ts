import { type ConsumerMessages, DeliverPolicy } from '@nats-io/jetstream';
import { BroadcastConsumer } from '@parley/messaging/transport';
import type { Reading } from './lane-reader';
import { LANE_NAMES, streamName } from './topology';
import { contentOf } from './wire';

/** A live tail: every event of one owner from now on, to this instance, at most once. */
export class LiveTail {
  private readonly consumer: BroadcastConsumer;
  private messages?: ConsumerMessages;

  constructor(
    private readonly owner: string,
    private readonly of: Reading,
  ) {
    this.consumer = new BroadcastConsumer(of.subscription, of.deliver, of.context.log);
  }

  async start(): Promise<void> {
    const { connection, topology, address, subscription } = this.of;
    await topology.ensureStream(this.owner, 'event');
    const consumer = await connection.streams.consumers.get(
      streamName(address, this.owner, 'event'),
      {
        deliver_policy: DeliverPolicy.New,
        filter_subjects: LANE_NAMES.flatMap((lane) =>
          topology.subjectsFor(this.owner, lane, subscription),
        ),
      },
    );
    const callback = ({ data }: { readonly data: Uint8Array }) =>
      this.consumer.receive(contentOf(data));
    this.messages = await consumer.consume({ callback });
  }

  async stop(): Promise<void> {
    this.messages?.stop();
    this.consumer.stop();
  }

  close(): Promise<void> {
    return this.consumer.close();
  }
}
