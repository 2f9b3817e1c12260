import type { Clock, Outcome, RegisteredSubscription } from '@parley/messaging/transport';
import type { FaultInjection } from './fault-injection';
import type { Item } from './queue-item';

/** A consumer of a queue: one subscription of one instance. */
export interface Consumer {
  /** Its concurrency bounds the messages handled at the same time. */
  readonly subscription: Pick<RegisteredSubscription, 'concurrency'>;
  readonly handle: (item: Item) => Promise<Outcome>;
}

/**
 * Messages for one subscription, shared by its instances. Messages of one key are delivered in
 * order, one at a time; others in parallel. Messages that a detached consumer has not acknowledged
 * are delivered again.
 */
export class MemoryQueue {
  private readonly lanes = new Map<string, Item[]>();
  private readonly underWay = new Map<Item, Consumer>();
  private readonly consumers: Consumer[] = [];
  private unkeyed = 0;
  private cancelTimer = () => {};

  constructor(
    readonly name: string,
    private readonly clock: Clock,
    private readonly mischief: FaultInjection,
  ) {}

  add(item: Item): void {
    for (const each of this.mischief.tamper(item, this.clock.elapsed())) this.append(each);
    this.deliverSoon();
  }

  attach(consumer: Consumer): void {
    this.consumers.push(consumer);
    this.deliverSoon();
  }

  /** A consumer has more room than before. */
  widened(): void {
    this.deliverSoon();
  }

  /** Delivers no further message to the consumer; messages being handled stay with it. */
  pause(consumer: Consumer): void {
    const at = this.consumers.indexOf(consumer);
    if (at >= 0) this.consumers.splice(at, 1);
    if (this.consumers.length === 0) this.cancelTimer();
  }

  /** Delivers the consumer's unacknowledged messages to another. */
  detach(consumer: Consumer): void {
    this.pause(consumer);
    for (const [item, owner] of this.underWay) if (owner === consumer) this.underWay.delete(item);
    this.deliverSoon();
  }

  get waiting(): number {
    return [...this.lanes.values()].reduce((sum, items) => sum + items.length, 0);
  }

  /** Messages being handled, or ready to be handled by a present consumer. */
  get pending(): number {
    return this.underWay.size + (this.consumers.length > 0 ? [...this.ready()].length : 0);
  }

  private append(item: Item): void {
    const lane = item.headers.partitionkey ?? `\n${++this.unkeyed}`;
    const items = this.lanes.get(lane);
    if (items) items.push(item);
    else this.lanes.set(lane, [item]);
  }

  private deliverSoon(): void {
    setImmediate(() => this.deliver());
  }

  private deliver(): void {
    for (let next = this.next(); next; next = this.next()) {
      const consumer = this.nextConsumer();
      if (!consumer) return;
      const [lane, item] = next;
      this.underWay.set(item, consumer);
      void this.handOver(lane, item, consumer);
    }
    this.wakeForDue();
  }

  private wakeForDue(): void {
    this.cancelTimer();
    const now = this.clock.elapsed();
    let due = Infinity;
    for (const [head] of this.lanes.values()) if (head!.due > now) due = Math.min(due, head!.due);
    if (due < Infinity && this.consumers.length > 0)
      this.cancelTimer = this.clock.after(due - now, () => this.deliver());
  }

  private async handOver(lane: string, item: Item, consumer: Consumer): Promise<void> {
    const outcome = await consumer.handle(item);
    if (this.underWay.get(item) !== consumer) return; // detached meanwhile: another consumer handles the message
    this.underWay.delete(item);
    // The pipeline never asks for a retry or a dead letter: this queue supports neither.
    if (outcome.kind !== 'return') this.remove(lane, item);
    this.deliverSoon();
  }

  private remove(lane: string, item: Item): void {
    const rest = this.lanes.get(lane)!.filter((other) => other !== item);
    this.lanes.delete(lane);
    if (rest.length > 0) this.lanes.set(lane, rest); // at the end: a long lane does not keep others waiting
  }

  private next(): [string, Item] | undefined {
    return this.mischief.reorders
      ? this.mischief.pick([...this.ready()])
      : this.ready().next().value;
  }

  /** The head of each lane that is due and not being handled. */
  private *ready(): Generator<[string, Item], undefined> {
    const now = this.clock.elapsed();
    for (const [lane, [head]] of this.lanes)
      if (head!.due <= now && !this.underWay.has(head!)) yield [lane, head!];
  }

  /** The next consumer with room, in turn. */
  private nextConsumer(): Consumer | undefined {
    for (let tried = 0; tried < this.consumers.length; tried++) {
      const consumer = this.consumers.shift()!;
      this.consumers.push(consumer);
      if (this.handledBy(consumer) < consumer.subscription.concurrency) return consumer;
    }
    return undefined;
  }

  private handledBy(consumer: Consumer): number {
    let count = 0;
    for (const owner of this.underWay.values()) if (owner === consumer) count++;
    return count;
  }
}
