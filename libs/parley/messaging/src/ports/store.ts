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
 * The database of a service, with its outbox, inbox, parked lanes and dead letters beside its own
 * data. PostgreSQL (`@parley/postgres`) or, for tests and simulation, memory (`@parley/memory`);
 * both pass the same spec.
 */
export interface Store extends Installation {
  /**
   * Connects and checks that its tables are installed. Rejects with one sentence that names the
   * remedy.
   */
  connect(): Promise<void>;
  /** What is risky about its configuration: sentences for the log at start. */
  readonly cautions?: readonly string[];
  /**
   * Runs `work` in one transaction: commits when it resolves, rolls back when it rejects. `last` is
   * the transaction's last statement, sent together with the commit where the store can: when it
   * rejects, nothing is committed. When `ending` ends, the transaction is rolled back at once and
   * its locks are released, also if `work` never settles; nothing of it can commit from then on.
   */
  transaction<T>(
    work: (tx: Tx) => Promise<T>,
    last?: (tx: Tx) => Promise<void>,
    ending?: Ending,
  ): Promise<T>;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly lanes: Lanes;
  /** The keys of data subjects, unless KEYS_URL says otherwise. */
  readonly subjectKeys?: SubjectKeys;
  /** Bodies that are too large to travel, unless CLAIMS_URL says otherwise. */
  readonly claims?: ClaimStore;
  /** Replies to calls with an idempotency key. Without it such calls are refused. */
  readonly idempotency?: IdempotencyStore;
  /**
   * Counts the handlings that ended without an outcome. Without it such messages are delivered for
   * ever.
   */
  readonly suspects?: Suspects;
  /** For technologies that keep no positions of their own. */
  readonly streamPositions?: Positions;
  /** Recognizes the errors of its client that mean that it is away. */
  readonly outage?: OutageReader;
  /** Without it, a change of technology is not noticed. */
  readonly carriers?: Carriers;
  close(): Promise<void>;
}

/** Messages stored by the transaction that sent them, relayed after it. One outbox a service. */
export interface Outbox {
  add(tx: Tx, messages: readonly OutgoingMessage[]): Promise<void>;
  /**
   * Becomes the one active relay of this service, or undefined while another instance is. Released
   * when the connection ends.
   */
  lead(): Promise<{ readonly lost: AbortSignal; release(): Promise<void> } | undefined>;
  /**
   * Due messages, oldest first, without delayed ones that are not due and without those of
   * `except`.
   */
  due(limit: number, except?: OutboxExcept): Promise<readonly StoredMessage[]>;
  /** Removes messages after the technology confirmed them. Joins `tx` if given. */
  remove(ids: readonly string[], tx?: Tx): Promise<void>;
  /**
   * Milliseconds until the next delayed message is due, the number of all messages, and how long
   * the oldest due one has waited.
   */
  state(): Promise<{
    readonly waiting: number;
    readonly oldestAge: number;
    readonly nextDue?: number;
  }>;
  /** Calls back, soon, after a commit that added messages. A hint; may be lost. */
  onAdded(wake: () => void): void;
}

/** Messages of the outbox to leave out. */
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

/** Ids of handled messages, so that each takes effect once per subscription. */
export interface Inbox {
  /**
   * Records a message in the handler's transaction; false when it is recorded already. Rejects with
   * IdConflictError when another `print` is recorded for the id: it was used for two messages.
   */
  record(tx: Tx, subscription: string, messageId: string, print?: string): Promise<boolean>;
  /**
   * Records messages of a batch, in one statement where the store can; false when one of them is
   * recorded already: the transaction must then be rolled back.
   */
  recordAll(
    tx: Tx,
    subscription: string,
    messages: readonly { readonly id: string; readonly print?: string }[],
  ): Promise<boolean>;
}

/**
 * Parked lanes: a failed keyed message of a subscription and, in order, its successors. They are
 * retried, held and replayed from here, the same on every technology.
 */
export interface Lanes {
  /**
   * Puts a failed message at the head of its lane, to be tried again after `after` milliseconds.
   * Joins `tx` if given, so that an acknowledgement in the same database commits with it.
   * Idempotent per message and subscription.
   */
  park(
    tx: Tx | undefined,
    message: ParkedMessage,
    outcome: { readonly after: number; readonly failure: Failure },
  ): Promise<void>;
  /**
   * Appends the message to its lane and resolves true if the lane is parked, else resolves false;
   * false also for a message that passes the dead letter for which the lane waits.
   * One statement under the lane's lock: a lane that is being released cannot be missed.
   */
  parkIfLaneBlocked(tx: Tx | undefined, message: ParkedMessage): Promise<boolean>;
  /**
   * True when one of these messages of a subscription must wait for its lane. Nothing is appended:
   * `parkIfLaneBlocked` does that, for each by itself.
   */
  isAnyBlocked(tx: Tx, messages: readonly ParkedMessage[]): Promise<boolean>;
  /**
   * Lanes of a subscription that are parked now; `parkIfLaneBlocked` need only be called for these
   * (and after `onParked`).
   */
  parked(subscription: string): Promise<ReadonlySet<string>>;
  /**
   * Keeps a message that no handling will help, with its evidence. `hold`: its lane waits behind
   * it, without the parked messages that pass dead letters: those are delivered. Idempotent.
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
  /** Parked messages and dead letters, per subscription. */
  backlog(): Promise<readonly Backlog[]>;
}

export interface ParkedMessage {
  readonly subscription: string;
  /** The key's value; undefined when the message has no lane. */
  readonly key?: string;
  /** A command that does not wait for a dead letter: its header `passdeadletters` is `true`. */
  readonly passesDeadLetters?: boolean;
  readonly headers: Headers;
  readonly body: Buffer;
}
