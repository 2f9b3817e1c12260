import {
  deliverUntilSettled,
  type Headers,
  IN_PLACE,
  type Outcome,
} from '@parley/messaging/transport';
import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import { headersOf } from './cloudevents';
import { acknowledge, reject, type Deliveries } from './delivery';
import { laneQueues } from './topology';
import { KeyedMutex, Underway } from './concurrency';

/**
 * Least prefetch of a lane; it is the concurrency at start where that is more. The slots bound the
 * handling. A consumer's prefetch cannot be changed without giving up the lane; this reserve lets
 * the concurrency be raised without that.
 */
const LANE_AHEAD = 16;

/**
 * One lane queue. It has a channel of its own: closing it gives the lane up and returns all
 * unfinished messages in order, in one step; cancelling would let the next consumer start behind
 * messages that this one still holds.
 */
class Lane {
  private channel?: Channel;
  private closing = Promise.resolve();
  private stopped = false;
  private readonly handling = new Underway();
  /**
   * True when messages were delivered: RabbitMQ serves one of a lane's consumers, and does not tell
   * which.
   */
  active = false;

  constructor(
    private readonly queue: string,
    private readonly turns: KeyedMutex,
    private readonly deliveries: Deliveries,
    private readonly broken: (error: Error) => void,
  ) {}

  async open(connection: ChannelModel): Promise<void> {
    const channel = await connection.createChannel();
    if (this.stopped) return channel.close();
    channel.on('error', this.broken);
    channel.once('close', () => this.closed(channel));
    this.channel = channel;
    this.active = false;
    await channel.prefetch(Math.max(LANE_AHEAD, this.deliveries.subscription.concurrency));
    if (this.channel !== channel) return;
    await channel.consume(this.queue, (message) =>
      message
        ? this.take(message, channel)
        : this.broken(new Error(`the queue ${this.queue} was deleted`)),
    );
  }

  /** Closes for good, also a channel that is being opened. */
  stop(): Promise<void> {
    this.stopped = true;
    return this.close();
  }

  /** Delivers no further message, waits for running handlers, then gives the lane up. */
  close(): Promise<void> {
    const { channel } = this;
    if (channel) this.closing = this.letGo(channel);
    return this.closing;
  }

  private async letGo(channel: Channel): Promise<void> {
    this.closed(channel);
    await this.handling.ended();
    // The channel may be closed already, with its connection.
    await channel.close().catch(() => undefined);
  }

  private closed(channel: Channel): void {
    if (this.channel === channel) this.channel = undefined;
  }

  private take(message: ConsumeMessage, channel: Channel): void {
    this.active = true;
    const headers = headersOf(message);
    const key = headers.partitionkey;
    const handle = () => this.handle(message, headers, channel);
    void (key === undefined ? handle() : this.turns.take(key, handle));
  }

  /**
   * Never rejects. Unacknowledged messages return to their place when the channel closes. A returned
   * message waits here: requeued, it would come to this very consumer again, but behind its
   * successors.
   */
  private async handle(message: ConsumeMessage, headers: Headers, channel: Channel): Promise<void> {
    const { signal, context } = this.deliveries;
    const wanted = () => this.channel === channel;
    const attempt = async () => {
      let isSettled = false;
      const settle = ({ kind }: Outcome) => {
        isSettled = kind === 'done' || kind === 'dead';
        if (kind === 'done') acknowledge(channel, message);
        if (kind === 'dead') reject(channel, message);
      };
      await this.deliveries.hand(message, {
        headers,
        supports: IN_PLACE,
        signal,
        wanted,
        settle,
        underway: this.handling,
      });
      return isSettled;
    };
    if (wanted()) await deliverUntilSettled(context.clock, attempt, wanted);
  }
}

/**
 * The lanes of an instance. Every instance consumes every lane, and RabbitMQ serves the consumer
 * that has waited longest: when an instance stops, its lanes continue elsewhere at once. When one
 * joins, instances with more than their share hand lanes over.
 */
export class Lanes {
  private readonly lanes: readonly Lane[];
  /**
   * Kept across connections: a message delivered again waits until its first handling, which may
   * not have noticed the loss, has ended.
   */
  private readonly turns = new KeyedMutex();

  constructor(deliveries: Deliveries, broken: (error: Error) => void) {
    this.lanes = laneQueues(deliveries.owner).map(
      (queue) => new Lane(queue, this.turns, deliveries, broken),
    );
  }

  async open(connection: ChannelModel): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane.open(connection)));
  }

  async stop(): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane.stop()));
  }

  /** Number of lanes that deliver messages to this instance. */
  get active(): number {
    return this.lanes.filter((lane) => lane.active).length;
  }

  /**
   * Moves to the end of the consumers' queue of every lane beyond an even share among the
   * instances.
   */
  async share(instances: number, connection: ChannelModel): Promise<void> {
    const share = Math.ceil(this.lanes.length / Math.max(1, instances));
    const surplus = this.lanes.filter((lane) => lane.active).slice(share);
    await Promise.all(surplus.map((lane) => this.reopen(lane, connection)));
  }

  private async reopen(lane: Lane, connection: ChannelModel): Promise<void> {
    await lane.close();
    await lane.open(connection);
  }
}
