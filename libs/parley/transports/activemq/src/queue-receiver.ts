import { FirstOfKeys, withTimeout } from '@parley/messaging/transport';
import type { Connection, Delivery, EventContext, Message, Receiver } from 'rhea';
import { UNSETTLED_AT_MOST } from './amqp-connection';
import { attached, linkError } from './management';

const CLOSED_WITHIN_MS = 2_000;

/**
 * A received message and its possible outcomes. On a link that is gone they do nothing: the broker
 * has the message back.
 */
export interface ReceivedMessage {
  readonly message: Message;
  /**
   * True when its link still brings messages. If not, a message that was not begun belongs to the
   * broker again.
   */
  readonly isWanted: () => boolean;
  /** Runs work that must end before its link is detached. */
  readonly begin: (work: () => Promise<void>) => Promise<void>;
  readonly accept: () => void;
  /** Back into its queue at once, for any consumer; counts as no delivery. */
  readonly release: () => void;
  /** Messages that may have ended the process of the queue's former consumer. */
  readonly suspects: Promise<FirstOfKeys>;
}

export interface QueueReceiverOptions {
  readonly queue: string;
  /** Messages it may hold that are not settled. */
  readonly most: () => number;
  /**
   * True: messages that were not begun go back as soon as the link is detached, in any order.
   * False: all together, in order, when the begun work has ended.
   */
  readonly isUnordered: boolean;
  /** Must neither throw nor wait. */
  readonly take: (arrival: ReceivedMessage) => void;
  readonly broken: (error: Error) => void;
  /**
   * Of a queue that has one consumer at a time: its first message came. Whether the former one did
   * not hand it back.
   */
  readonly takeOver?: () => Promise<boolean>;
  /** Everything that was begun has ended. */
  readonly handBack?: () => Promise<void>;
}

type Settling = 'accept' | 'release';

interface Link {
  readonly receiver: Receiver;
  readonly held: Set<Delivery>;
  readonly begun: Set<Promise<void>>;
  /** Asked for and not settled. */
  ahead: number;
  gone: boolean;
  suspects?: Promise<FirstOfKeys>;
  settling?: Settling;
}

/**
 * A receiving link to one queue. Closing it gives everything unsettled back, in order, in one step,
 * and uncounted. It has a session of its own, so that a long handling at one queue leaves the
 * others room.
 */
export class QueueReceiver {
  private link?: Link;
  private closing = Promise.resolve();
  private stopped = false;
  /**
   * True when messages came: of all the consumers of a lane the broker serves one, and does not
   * tell which.
   */
  active = false;

  constructor(private readonly options: QueueReceiverOptions) {}

  async attach(connection: Connection): Promise<void> {
    if (this.stopped) return;
    const session = connection.create_session(UNSETTLED_AT_MOST);
    session.begin();
    const source = { address: this.options.queue, capabilities: ['queue'] };
    const receiver = session.open_receiver({
      source,
      autoaccept: false,
      credit_window: 0,
    } as never);
    const link: Link = { receiver, held: new Set(), begun: new Set(), ahead: 0, gone: false };
    this.link = link;
    this.active = false;
    receiver.on('message', (context: EventContext) => this.arrived(link, context));
    await attached(receiver, 'receiver_open');
    receiver.on(
      'receiver_close',
      () => this.link === link && this.options.broken(linkError(receiver)),
    );
    this.replenish();
  }

  /** Asks for as many more as it may hold. */
  replenish(): void {
    const { link } = this;
    if (!link?.receiver.is_open()) return;
    const more = this.options.most() - link.ahead;
    if (more <= 0) return;
    link.ahead += more;
    link.receiver.add_credit(more);
  }

  /** The connection is gone: nothing that came by it can be settled any more. */
  lost(): void {
    if (this.link) this.link.gone = true;
    this.link = undefined;
  }

  /** Detaches for good, also from a link that is being attached. */
  stop(): Promise<void> {
    this.stopped = true;
    return this.detach();
  }

  /** Delivers nothing more, waits for the begun work, then detaches from the queue. */
  detach(): Promise<void> {
    const { link } = this;
    this.link = undefined;
    if (link) this.closing = this.letGo(link);
    return this.closing;
  }

  private async letGo(link: Link): Promise<void> {
    if (this.options.isUnordered)
      for (const delivery of link.held) this.settle(link, delivery, 'release');
    while (link.begun.size > 0) await Promise.allSettled(link.begun);
    if (link.suspects && !link.gone) await this.options.handBack?.();
    // rhea flushes dispositions on the next tick; let it before closing.
    await new Promise(setImmediate);
    if (link.gone || link.receiver.is_closed()) return;
    const closed = new Promise<void>((resolve) =>
      link.receiver.once('receiver_close', () => resolve()),
    );
    link.receiver.close();
    await withTimeout(CLOSED_WITHIN_MS, closed, () => new Error('no answer')).catch(
      () => undefined,
    );
    link.receiver.session.close();
  }

  private arrived(link: Link, { message, delivery }: EventContext): void {
    if (this.link !== link)
      return this.options.isUnordered ? this.settle(link, delivery!, 'release') : undefined;
    this.active = true;
    link.held.add(delivery!);
    link.suspects ??= this.takeOver();
    this.options.take({
      message: message!,
      suspects: link.suspects,
      isWanted: () => this.link === link,
      begin: (work) => this.begin(link, delivery!, work),
      accept: () => this.settle(link, delivery!, 'accept'),
      release: () => this.settle(link, delivery!, 'release'),
    });
  }

  private async takeOver(): Promise<FirstOfKeys> {
    return new FirstOfKeys((await this.options.takeOver?.()) ?? false);
  }

  private begin(link: Link, delivery: Delivery, work: () => Promise<void>): Promise<void> {
    link.held.delete(delivery);
    const working = work().finally(() => link.begun.delete(working));
    link.begun.add(working);
    return working;
  }

  /**
   * rhea reports all deliveries settled in one tick together, all with the first one's outcome: so
   * a delivery with another outcome waits for another tick.
   */
  private settle(link: Link, delivery: Delivery, how: Settling): void {
    if (link.gone || link.receiver.is_closed()) return;
    if (link.settling !== undefined && link.settling !== how)
      return void setImmediate(() => this.settle(link, delivery, how));
    link.settling = how;
    setImmediate(() => (link.settling = undefined));
    link.held.delete(delivery);
    delivery[how]();
    link.ahead--;
    if (this.link === link) this.replenish();
  }
}
