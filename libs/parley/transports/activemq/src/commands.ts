import { type Store } from '@parley/messaging';
import {
  type Deliver,
  deliverUntilSettled,
  type Delivery,
  type Failure,
  givenUpByBroker,
  IN_PLACE,
  KeyedExecutor,
  type Outcome,
  PartTakeover,
  pause,
  readerName,
  type TransportContext,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import type { Message } from 'rhea';
import { attemptOf, copyOf, deathOf, failureOf, received, unansweredOf } from './cloudevents';
import type { ReceivedMessage } from './queue-receiver';
import type { Publisher } from './publisher';
import { deadQueue, laneOf } from './topology';

/**
 * Milliseconds that a message waits when the pipeline returned it although the instance is not
 * stopping, or when it could not be moved on.
 */
const PAUSE_MS = 1_000;

/**
 * Handles the received commands of an owner: no more at a time than the subscription allows, those
 * of one key one after the other.
 */
export class Commands {
  /**
   * Outlives connections: a message that comes again waits until its first handling, which may not
   * have noticed, has ended.
   */
  private readonly lanes: KeyedExecutor;
  private connection = new AbortController();
  private count = 0;
  /** The broker's own count of deliveries without an outcome leaves some out. */
  private readonly takeover: PartTakeover;

  constructor(
    private readonly subscription: RegisteredSubscription,
    private readonly publisher: Publisher,
    private readonly context: TransportContext,
    private readonly pipeline: Deliver,
  ) {
    this.lanes = new KeyedExecutor(subscription);
    this.takeover = new PartTakeover(this.owner, readerName(context.instance), context);
  }

  get owner(): string {
    return this.subscription.name;
  }

  /** Messages from now on belong to a new connection. */
  connected(): void {
    this.connection = new AbortController();
  }

  /** Aborts the work under way: the broker delivers its messages again. */
  abandon(why: string): void {
    this.connection.abort(new Error(why));
  }

  /** From the owner's own queue: commands without a key, and misplaced ones with a key. */
  takeLoose(arrival: ReceivedMessage): void {
    this.add(`#${this.count++}`, arrival, (signal) => this.handleLoose(arrival, signal));
  }

  /** From a lane. */
  takeKeyed(arrival: ReceivedMessage): void {
    const key = received(arrival.message).headers.partitionkey;
    this.add(key === undefined ? `#${this.count++}` : `=${key}`, arrival, (signal) =>
      this.handleKeyed(arrival, signal),
    );
  }

  /**
   * Moves a message that the broker gave up on to the dead letters of the service, with the reason.
   */
  takeDead(arrival: ReceivedMessage, store: Store): void {
    void arrival.begin(() => this.bury(arrival, store));
  }

  takeOver(lane: string): Promise<boolean> {
    return this.takeover.take(lane);
  }

  handBack(lane: string): Promise<void> {
    return this.takeover.handBack([lane]);
  }

  private add(
    key: string,
    arrival: ReceivedMessage,
    handle: (signal: AbortSignal) => Promise<void>,
  ): void {
    const { signal } = this.connection;
    this.lanes.add(key, async () => {
      if (arrival.isWanted()) await arrival.begin(() => handle(signal));
    });
  }

  private async handleLoose(arrival: ReceivedMessage, signal: AbortSignal): Promise<void> {
    const { message } = arrival;
    try {
      if (await this.movedOn(message)) return arrival.accept();
      const outcome = await this.deliver(
        message,
        signal,
        { retry: true, dead: false },
        unansweredOf(message) > 0,
      );
      // Its connection is gone: the broker has it back, and a copy would be one too many.
      if (signal.aborted) return;
      if (outcome.kind === 'return') return await this.giveBack(arrival);
      await this.copied(message, outcome);
      // Only now: until here the broker would deliver the original again.
      arrival.accept();
    } catch (error) {
      this.context.log(
        'warn',
        `${this.owner}: a command could not be moved on, its queue keeps it: ${(error as Error).message}`,
      );
      await this.giveBack(arrival);
    }
  }

  /** Never rejects. Unsettled messages go back, in their places, when the link is detached. */
  private async handleKeyed(arrival: ReceivedMessage, signal: AbortSignal): Promise<void> {
    const suspects = await arrival.suspects;
    const suspect =
      suspects.take(received(arrival.message).headers.partitionkey ?? '') ||
      unansweredOf(arrival.message) > 0;
    const attempt = async () => {
      const outcome = await this.deliver(arrival.message, signal, IN_PLACE, suspect);
      return this.keyedIsOver(arrival, outcome, signal);
    };
    // The broker would hand it out again, but behind its successors: so it waits here.
    const isWanted = () => arrival.isWanted() && !signal.aborted;
    if (isWanted()) await deliverUntilSettled(this.context.clock, attempt, isWanted);
  }

  private async keyedIsOver(
    { message, accept }: ReceivedMessage,
    outcome: Outcome,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (signal.aborted) return true;
    if (outcome.kind === 'return' || outcome.kind === 'retry') return false;
    try {
      await this.copied(message, outcome);
      accept();
      return true;
    } catch (error) {
      this.context.log(
        'warn',
        `${this.owner}: a dead command could not be moved on, its lane keeps it: ${(error as Error).message}`,
      );
      return false;
    }
  }

  private async giveBack(arrival: ReceivedMessage): Promise<void> {
    if (arrival.isWanted()) await this.pause();
    arrival.release();
  }

  /** A foreign sender may not know lanes. */
  private async movedOn(message: Message): Promise<boolean> {
    const key = received(message).headers.partitionkey;
    if (key === undefined) return false;
    await this.publisher.put(
      this.owner,
      laneOf(this.owner, key),
      copyOf(message, { attempt: attemptOf(message), failure: failureOf(message) }),
    );
    return true;
  }

  private async copied(message: Message, outcome: Outcome): Promise<void> {
    const attempt = attemptOf(message);
    if (outcome.kind === 'retry')
      await this.publisher.put(
        this.owner,
        this.owner,
        copyOf(message, { attempt: attempt + 1, failure: outcome.failure }, outcome.after),
      );
    if (outcome.kind === 'dead')
      await this.publisher.put(
        this.owner,
        deadQueue(this.owner),
        copyOf(message, { attempt, failure: outcome.failure }),
      );
  }

  private deliver(
    message: Message,
    signal: AbortSignal,
    supports: Delivery['supports'],
    suspect: boolean,
  ): Promise<Outcome> {
    const { subscription } = this;
    return this.pipeline({
      subscription,
      ...received(message),
      attempt: attemptOf(message),
      suspect,
      failure: failureOf(message),
      signal,
      supports,
    });
  }

  private async bury(arrival: ReceivedMessage, store: Store): Promise<void> {
    const { headers, body } = received(arrival.message);
    const letter = { subscription: this.owner, key: headers.partitionkey, headers, body };
    while (arrival.isWanted()) {
      try {
        await store.lanes.deadLetter(undefined, letter, this.failureOf(arrival.message), false);
        return arrival.accept();
      } catch (error) {
        this.context.log(
          'error',
          `${this.owner}: a dead letter could not be stored, ActiveMQ keeps it: ${(error as Error).message}`,
        );
        await this.pause();
      }
    }
  }

  private failureOf(message: Message): Failure {
    const { reason, queue } = deathOf(message);
    return givenUpByBroker({
      reason: `ActiveMQ gave it up in ${queue}: ${reason}`,
      before: failureOf(message),
      deliveries: attemptOf(message) + unansweredOf(message),
      instance: this.context.instance,
      at: new Date(this.context.clock.now()),
    });
  }

  private pause(): Promise<void> {
    return pause(this.context.clock, PAUSE_MS);
  }
}
