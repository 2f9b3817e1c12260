import type { Msg } from '@nats-io/transport-node';
import {
  type Deliver,
  KeyedExecutor,
  type RegisteredSubscription,
  type TransportContext,
} from '@parley/messaging/transport';
import type { Address } from './address';
import type { Connection } from './connection';
import { Lease } from './lease';
import { Pull } from './pull';
import { isOrdered, type Topology } from './topology';
import { contentOf } from './wire';

const AGAIN_AFTER_MS = 1_000;
const MAX_AT_ONCE = 100;
/** JetStream counts messages that a stopping instance gave back like those of an ended process. */
const UNSUSPECTED_DELIVERIES = 2;

/** Shared by all consumers of one transport. */
export interface Surroundings {
  readonly connection: Connection;
  readonly address: Address;
  readonly topology: Topology;
  readonly context: TransportContext;
  readonly deliver: Deliver;
}

/** Shared by the readers of one subscription. */
export interface Reading extends Surroundings {
  readonly subscription: RegisteredSubscription;
  /** All messages of the subscription run in these, whichever lane they came from. */
  readonly executor: KeyedExecutor;
}

/** Reads one lane as far as there is room, and settles each message after its outcome. */
export class LaneReader {
  private readonly held = new Set<Lease>();
  private readonly running = new Set<Promise<void>>();
  private reading?: Promise<void>;
  private wake = () => {};
  private stopped = false;
  private pull?: Pull;
  private consumer = '';
  /** Why nothing comes now. */
  problem?: string;

  constructor(
    readonly stream: string,
    private readonly owner: string,
    private readonly lane: string,
    private readonly of: Reading,
  ) {}

  async start(): Promise<void> {
    this.pull = await this.open();
    this.reading = this.read();
  }

  /** A handling has ended: there may be room. */
  roomMade(): void {
    this.wake();
  }

  /** Resolves when nothing more is delivered here. Handlings under way go on. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.wake();
    await this.pull?.close();
    await this.reading;
  }

  /** Resolves when nothing is handled any more. */
  async ended(): Promise<void> {
    await Promise.all(this.running);
  }

  abandon(why: string): void {
    for (const lease of this.held) lease.lose(why);
  }

  /** Messages that wait for this subscription in this lane, those under way included. */
  async waiting(): Promise<number> {
    const { consumers } = this.of.connection.admin;
    const { num_pending, num_ack_pending } = await consumers.info(this.stream, this.consumer);
    return num_pending + num_ack_pending;
  }

  private async open(): Promise<Pull> {
    const { topology, subscription, connection } = this.of;
    await topology.ensureStream(this.owner, subscription.kind);
    this.consumer = await topology.ensureConsumer(this.owner, this.lane, subscription);
    return new Pull(connection, this.stream, this.consumer, (message) => this.take(message));
  }

  private async read(): Promise<void> {
    while (!this.stopped) {
      const { room } = this.of.executor;
      if (room === 0) await new Promise<void>((resolve) => (this.wake = resolve));
      else await this.request(isOrdered(this.lane) ? 1 : Math.min(room, MAX_AT_ONCE));
    }
  }

  private async request(most: number): Promise<void> {
    try {
      this.pull ??= await this.open();
      if (!this.stopped) await this.pull.request(most);
      this.problem = undefined;
    } catch (error) {
      await this.failed(error);
    }
  }

  /** The stream or the consumer may have been deleted: they are declared again. */
  private async failed(error: unknown): Promise<void> {
    const why = error instanceof Error ? error.message : String(error);
    const { address, context, topology, subscription } = this.of;
    if (!this.stopped && this.problem === undefined)
      context.log('warn', `NATS at ${address} gives no messages of ${this.stream}: ${why}`);
    this.problem = why;
    topology.forget(this.owner, subscription.kind);
    await this.pull?.close();
    this.pull = undefined;
    if (!this.stopped) await this.pause();
  }

  private take(message: Msg): void {
    const { connection, address, context, executor } = this.of;
    const lease = new Lease(message, connection, address.leaseMs, context.clock);
    this.held.add(lease);
    const lane = `${this.stream}:${isOrdered(this.lane) ? this.lane : lease.delivery.sequence}`;
    const handled = new Promise<void>((resolve) =>
      executor.add(lane, () => this.handle(lease).finally(resolve)),
    );
    this.running.add(handled);
    void handled.then(() => this.running.delete(handled));
  }

  /** Never rejects. */
  private async handle(lease: Lease): Promise<void> {
    try {
      const isDone = !this.stopped && (await this.deliver(lease));
      if (isDone) await lease.finish();
      else if (!lease.signal.aborted) lease.giveBack();
    } catch (error) {
      this.of.context.log(
        'warn',
        `${this.of.subscription.name}: a message was handled, and JetStream did not confirm its end; it comes again: ${String(error)}`,
      );
    } finally {
      this.held.delete(lease);
    }
  }

  /**
   * Delivers until the message took effect. A returned one waits here: JetStream would count each
   * return. False when it is to go back, or is not ours any more.
   */
  private async deliver(lease: Lease): Promise<boolean> {
    const { signal } = lease;
    for (;;) {
      const outcome = await this.of.deliver({
        subscription: this.of.subscription,
        ...contentOf(lease.data),
        attempt: 1,
        suspect: lease.delivery.count > UNSUSPECTED_DELIVERIES,
        signal,
        // The service's store retries messages and keeps dead letters.
        supports: { retry: false, dead: false },
      });
      if (signal.aborted) return false;
      if (outcome.kind === 'done') return true;
      if (!this.stopped) await this.pause();
      if (this.stopped || signal.aborted) return false;
    }
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => void this.of.context.clock.after(AGAIN_AFTER_MS, resolve));
  }
}
