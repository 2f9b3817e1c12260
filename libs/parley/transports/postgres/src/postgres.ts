import { type Store, type Technology } from '@parley/messaging';
import {
  claimDays,
  failureOf,
  failuresTogether,
  queueOf,
  type Deliver,
  type Finding,
  type Hop,
  type SubscriptionRegistry,
  type Consumer,
  type LocalPublishing,
  type OutgoingMessage,
  type Resource,
  type Failures,
  type Transport,
  type TransportContext,
  type Tx,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import type { Contract, Kind } from '@parley/contract';
import { connectionTo, placeOf } from './address';
import { PostgresBroadcastConsumer } from './broadcast/broadcast-consumer';
import { BroadcastPublisher } from './broadcast/broadcast-publisher';
import { PostgresClaimStore } from './store/claim-store';
import { Database } from './connection/database';
import { describeChannel, describeLog, describeQueue, resourcesOf } from './topology';
import { checkDurability } from './durability-check';
import { appendEvents, publishEvents } from './log/log-append';
import { LogRetention } from './log/log-retention';
import { EventConsumer } from './log/event-consumer';
import { Sequencer } from './log/log-sequencer';
import { outageOf } from './connection/outage';
import { CommandConsumer } from './queue/command-consumer';
import { channelOf } from './cloudevents';
import { SEND, sendValues } from './queue/queue-sender';
import { refused } from './connection/refused';
import { PostgresSubjectKeys } from './store/subject-keys';
import { statement } from './store/transaction';

/** Bytes of the largest body, as limited by the tables (`40-size-limits.sql`). */
const MAX_BODY_BYTES = 1024 * 1024;

/**
 * Carries commands, events and broadcasts over PostgreSQL; in the service's own database, sending
 * is part of the transaction.
 */
export const postgres: Technology = {
  name: 'postgres',
  schemes: ['postgres', 'postgresql'],
  kinds: ['command', 'event', 'broadcast'],
  open: (url, context) => new PostgresTransport(url, context),
  openKeys: (url, context) =>
    new PostgresSubjectKeys(Database.open(connectionTo(url), context), true),
  openClaims: (url, context) => claimsAt(url, context),
};

/** `postgres://user:password@host/database?days=90` */
function claimsAt(url: string, context: TransportContext): PostgresClaimStore {
  const bare = new URL(url);
  bare.searchParams.delete('days');
  return new PostgresClaimStore(
    Database.open(connectionTo(bare.href), context),
    { address: placeOf(bare.href), days: claimDays(url), own: true },
    context,
  );
}

class PostgresTransport implements Transport {
  readonly technology = 'postgres';
  readonly maxBodyBytes = MAX_BODY_BYTES;
  readonly address: string;
  readonly delays = true;
  readonly outage = outageOf;
  readonly local: LocalPublishing;
  private readonly database: Database;
  private readonly sequencer: Sequencer;
  private readonly days: LogRetention;
  private readonly broadcasts: BroadcastPublisher;
  /**
   * True when the service's store is in this very database: handlers then acknowledge in their own
   * transaction.
   */
  private sharesStore = false;
  private closing?: Promise<void>;

  constructor(
    url: string,
    private readonly context: TransportContext,
  ) {
    this.address = placeOf(url);
    this.database = Database.open(connectionTo(url), context);
    this.sequencer = new Sequencer(this.database, context);
    this.days = new LogRetention(this.database, context);
    this.broadcasts = new BroadcastPublisher(this.database, context);
    this.local = {
      sharesDatabaseWith: (store) => this.shares(store),
      append: (tx, messages) => this.append(tx, messages),
      wake: (messages) => this.wake(messages),
    };
  }

  /**
   * False in another database than the service's: its own store then keeps failed messages, and
   * dead letters are looked up there.
   */
  get keepsLanes(): boolean {
    return this.sharesStore;
  }

  async connect(): Promise<void> {
    await this.database.installation();
    this.sharesStore = this.context.store !== undefined && (await this.shares(this.context.store));
    await this.days.start();
  }

  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    const { command, event, broadcast } = byKind(messages);
    const failures = new Map([
      ...(await this.published(command, (some) => this.database.call(SEND, sendValues(some)))),
      ...(await this.published(event, (some) => publishEvents(this.database, some))),
      ...(await this.published(broadcast, (some) => this.broadcasts.publish(some))),
    ]);
    this.wake(messages.filter((message) => !failures.has(message)));
    if (failures.size > 0) throw failureOf(failures, messages);
  }

  private async published(
    messages: readonly OutgoingMessage[],
    publish: (messages: readonly OutgoingMessage[]) => Promise<unknown>,
  ): Promise<Failures> {
    if (messages.length === 0) return new Map();
    return failuresTogether(messages, (some) =>
      publish(some).then(nothing, (error) => refused(error)),
    );
  }

  consumer(
    kind: Exclude<Kind, 'call'>,
    registry: SubscriptionRegistry,
    deliver: Deliver,
  ): Consumer {
    const { database, context, sequencer } = this;
    const { listener } = database;
    const settles = () => this.sharesStore;
    if (kind === 'command')
      return new CommandConsumer(registry, database, deliver, settles, context);
    if (kind === 'event')
      return new EventConsumer({
        database,
        listener,
        sequencer,
        context,
        registry,
        deliver,
        settles,
      });
    return new PostgresBroadcastConsumer({ database, listener, context, registry, deliver });
  }

  describe(contract: Contract): readonly Hop[] {
    if (contract.kind === 'command') return describeQueue(contract);
    return contract.kind === 'event' ? describeLog(contract) : describeChannel(contract);
  }

  topology(
    said: readonly Contract[],
    handled: readonly RegisteredSubscription[],
  ): readonly Resource[] {
    return resourcesOf(said, handled);
  }

  checkDurability(): Promise<readonly Finding[]> {
    return checkDurability(this.database);
  }

  close(): Promise<void> {
    return (this.closing ??= this.release());
  }

  private async release(): Promise<void> {
    this.days.stop();
    await this.broadcasts.close();
    await this.sequencer.stop();
    await this.database.close();
  }

  private async shares(store: Store): Promise<boolean> {
    return (
      store.technology === this.technology &&
      (await store.installation()) === (await this.database.installation())
    );
  }

  private async append(tx: Tx, messages: readonly OutgoingMessage[]): Promise<void> {
    const { command, event } = byKind(messages);
    const sent = command.length > 0 ? statement(tx, SEND, sendValues(command)) : undefined; // awaited together with the events
    await Promise.all([sent, appendEvents(tx, event)]);
  }

  private wake(messages: readonly OutgoingMessage[]): void {
    const { command, event } = byKind(messages);
    const now = command.filter(({ delay }) => !delay);
    for (const queue of new Set(now.map(({ contract }) => queueOf(contract))))
      this.database.notifier.wake(channelOf(queue));
    if (event.length > 0) this.sequencer.wake();
  }
}

const nothing = () => undefined;

function byKind(messages: readonly OutgoingMessage[]) {
  const of = (kind: Kind) => messages.filter(({ contract }) => contract.kind === kind);
  return { command: of('command'), event: of('event'), broadcast: of('broadcast') };
}
