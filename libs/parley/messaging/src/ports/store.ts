import type { Carriers } from './carriers';
import type { Installation } from './installation';
import type { ClaimStore } from './claim-store';
import type { DeadLetters } from './dead-letters';
import type { Failure } from '../message/failure';
import type { Headers, OutgoingMessage } from '../message/message';
import type { OutageReader } from './outage';
import type { Positions } from './stream-positions';
import type { Deliver } from './delivery';
import type { Backlog } from './health';
import type { IdempotencyStore } from './idempotency-store';
import type { SubjectKeys } from './subject-keys';
import type { Suspects } from './suspects';
import type { Tx, Ending } from './tx';
import type { RegisteredSubscription } from './subscription';

/**
 * What a service keeps its side of the conversation in: the database its own data is in. PostgreSQL
 * (`@parley/postgres`) or, for tests and simulation, memory (`@parley/memory`); both pass the same
 * spec.
 */
export interface Store extends Installation {
  /**
   * Connects and checks that what it needs is installed. Rejects with one sentence that says what
   * to do.
   */
  connect(): Promise<void>;
  /**
   * Runs `work` in one transaction: commits when it resolves, rolls back when it rejects. `last` is
   * the transaction's last statement, sent together with the commit where the store can: when it
   * rejects, nothing is committed. When `ending` ends, it is rolled back at once and what it holds
   * is free, also if `work` never settles; from then on nothing of it can commit.
   */
  transaction<T>(
    work: (tx: Tx) => Promise<T>,
    last?: (tx: Tx) => Promise<void>,
    ending?: Ending,
  ): Promise<T>;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly lanes: Lanes;
  /** The keys of those whom messages are about, unless KEYS_URL says otherwise. */
  readonly subjectKeys?: SubjectKeys;
  /** Where bodies wait that are too large to travel, unless CLAIMS_URL says otherwise. */
  readonly claims?: ClaimStore;
  /** What was answered to calls with an idempotency key. Without it they are refused. */
  readonly idempotency?: IdempotencyStore;
  /**
   * Counts the handlings that ended without an outcome. Without it such messages are delivered for
   * ever.
   */
  readonly suspects?: Suspects;
  /** For technologies that keep no positions of their own. */
  readonly streamPositions?: Positions;
  /** Tells which errors of its client mean that it is away. */
  readonly outage?: OutageReader;
  /** Without it, a change of technology is not told of. */
  readonly carriers?: Carriers;
  close(): Promise<void>;
}

/** Messages stored by the transaction that said them, relayed after it. One outbox a service. */
export interface Outbox {
  add(tx: Tx, messages: readonly OutgoingMessage[]): Promise<void>;
  /**
   * Becomes the one active relay of this service, or undefined while another instance is. Released
   * when the connection ends.
   */
  lead(): Promise<{ readonly lost: AbortSignal; release(): Promise<void> } | undefined>;
  /**
   * Due messages, oldest first; those whose delay is not over are left out, and those of `except`.
   */
  due(limit: number, except?: OutboxExcept): Promise<readonly StoredMessage[]>;
  /** After the technology confirmed them. Joins `tx` if given. */
  remove(ids: readonly string[], tx?: Tx): Promise<void>;
  /**
   * Milliseconds until the next delayed message is due, and how many there are in all and for how
   * long the oldest due one waits.
   */
  state(): Promise<{
    readonly waiting: number;
    readonly oldestAge: number;
    readonly nextDue?: number;
  }>;
  /** Calls back, soon, after a commit that added messages. A hint; may be lost. */
  onAdded(wake: () => void): void;
}

/** Messages of the outbox that are not wanted now. */
export interface OutboxExcept {
  readonly ids: readonly string[];
  readonly contracts: readonly string[];
}

export interface StoredMessage {
  /** The outbox's own id: order of insertion. */
  readonly id: string;
  readonly contract: string;
  readonly headers: Headers;
  readonly body: Buffer;
}

/** What was handled, so that it takes effect once per subscription. */
export interface Inbox {
  /**
   * Records a message in the handler's transaction; false when it is there already. Rejects with
   * IdConflictError when one with another `print` is: the id stands for two things.
   */
  record(tx: Tx, subscription: string, messageId: string, print?: string): Promise<boolean>;
}

/**
 * Where keyed messages of a subscription go when one of them fails: the failed one and, in order,
 * its successors. They are retried, held and replayed from here, the same whatever technology
 * brought them.
 */
export interface Lanes {
  /**
   * Puts a failed message at the head of its lane, to be tried again after `after` milliseconds
   * (`hold`: when a person says so). Joins `tx` if given, so that an acknowledgement in the same
   * database commits with it. Idempotent per message and subscription.
   */
  park(
    tx: Tx | undefined,
    message: ParkedMessage,
    outcome: { readonly after: number; readonly failure: Failure },
  ): Promise<void>;
  /**
   * If the message's lane is parked, appends the message to it and says true; else says false and
   * does nothing. In one statement under the lane's lock: a lane that is being released cannot be
   * missed.
   */
  parkIfLaneBlocked(tx: Tx | undefined, message: ParkedMessage): Promise<boolean>;
  /**
   * Lanes of a subscription that are parked now; `divert` need only be asked for these (and after
   * `onParked`).
   */
  parked(subscription: string): Promise<ReadonlySet<string>>;
  /**
   * Keeps a message no handling will help, with its evidence. `hold`: its lane waits behind it.
   * Idempotent.
   */
  deadLetter(
    tx: Tx | undefined,
    message: ParkedMessage,
    failure: Failure,
    hold: boolean,
  ): Promise<void>;
  /** Delivers parked messages, in lane order, as they come due. */
  deliver(subscriptions: readonly RegisteredSubscription[], deliver: Deliver): LaneRunner;
  readonly deadLetters: DeadLetters;
}

export interface LaneRunner {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** What is parked and dead here, per subscription. */
  backlog(): Promise<readonly Backlog[]>;
}

export interface ParkedMessage {
  readonly subscription: string;
  /** The key's value; undefined: the message is alone in its lane. */
  readonly key?: string;
  readonly headers: Headers;
  readonly body: Buffer;
}
