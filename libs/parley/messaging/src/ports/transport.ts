import type { Contract, Kind } from '@parley/contract';
import type { CustomTransportStrategy } from '@nestjs/microservices';
import type { FailpointHook } from './failpoints';
import type { OutageReader } from './outage';
import type { OutgoingMessage } from '../message/message';
import type { ClaimStore } from './claim-store';
import type { Store } from './store';
import type { Tx } from './tx';
import type { SubjectKeys } from './subject-keys';
import type { HandlerRegistry } from '../handlers/handler-registry';
import type { Clock } from '../clock';
import type { CallTransport } from './call-transport';
import type { ConsumerHealth, Backlog } from './health';
import type { RegisteredSubscription } from './subscription';
import type { Deliver } from './delivery';
import type { Hop, Resource, Finding } from './diagnostics';

/*
 * What a technology must do to carry messages. A transport only moves bytes, honours the pipeline's
 * decision with what its technology has, and tells its state. Everything that makes handling
 * dependable is the pipeline's.
 */

/** A technology, as its package exports it (`export const rabbitmq: Technology`). */
export interface Technology {
  /** 'postgres', 'rabbitmq' … */
  readonly name: string;
  /** The URL schemes it answers to, without the colon: `['amqp', 'amqps']`. */
  readonly schemes: readonly string[];
  /** The kinds it can carry. Asking it for another kind is refused at start. */
  readonly kinds: readonly Kind[];
  /**
   * Makes a transport for commands, broadcasts and events. No I/O yet; throws one clear sentence
   * for a URL it cannot read.
   */
  open?(url: string, context: TransportContext): Transport;
  /** Keeps the keys of those whom messages are about. */
  openKeys?(url: string, context: TransportContext): SubjectKeys;
  /** Keeps bodies that are too large to travel. */
  openClaims?(url: string, context: TransportContext): ClaimStore;
  /** Makes a transport for calls. */
  openCalls?(options: CallTransportOptions, context: TransportContext): CallTransport;
}

export interface CallTransportOptions {
  /** Where an owner answers: `grpc://127.0.0.1:5020,127.0.0.1:5021`. */
  readonly urlOf: (owner: string) => string;
  /** Where this service answers; undefined: it only asks. */
  readonly listen?: { readonly host: string; readonly port: number };
}

/** What a transport is given to work with. */
export interface TransportContext {
  readonly service: string;
  readonly instance: string;
  readonly clock: Clock;
  /** The service's own store, if it has one. */
  readonly store?: Store;
  /**
   * 'verify': queues, topics and the like are somebody else's to make; a missing or different one
   * refuses the start. Default 'create'.
   */
  readonly topology?: 'create' | 'verify';
  readonly log: (
    level: 'debug' | 'info' | 'warn' | 'error',
    message: string,
    details?: object,
  ) => void;
  /** Told of each step of a message's way. For trials that end the process there. */
  readonly passes?: FailpointHook;
}

export interface Transport {
  readonly technology: string;
  /** What `explain` prints, without credentials: `postgres://127.0.0.1:25432/parley`. */
  readonly address: string;
  /**
   * Opens what publishing needs and creates or checks what the technology must hold for these
   * contracts and subscriptions. Rejects within 15 s with one sentence that says what to do. From
   * then on the transport reconnects by itself, for ever.
   */
  connect(): Promise<void>;
  /**
   * Hands messages to the technology. Resolves when it has confirmed every one of them; rejects
   * when one was refused, could not be routed, or is not confirmed within 10 s (outcome unknown:
   * the caller publishes it again, under the same id). `UnpublishableError`: nothing was stored,
   * and never would be. `PartlyPublishedError` says which were not taken, where some were; after
   * any other error all of them are published again. Messages of one key keep their order, in one
   * array and across awaited calls. Broadcasts: resolves when handed over. Never called with
   * `delay` unless `delays` is true.
   */
  publish(messages: readonly OutgoingMessage[]): Promise<void>;
  /** Whether the technology itself can hold a command back. If not, the outbox waits instead. */
  readonly delays: boolean;
  /**
   * Whether its queues retry, hold and replay keyed commands in order by themselves. If not, the
   * consuming service's store does.
   */
  readonly keepsLanes?: boolean;
  /**
   * Bytes of the largest body it takes; undefined: it has no limit worth minding. What is larger
   * goes by claim check.
   */
  readonly maxBodyBytes?: number;
  /**
   * Only a technology that lives in the service's own database has this: the messages are stored by
   * the transaction itself, so there is nothing to relay.
   */
  readonly local?: LocalPublishing;
  /** The Nest strategy that receives messages of one kind for the registered handlers. */
  consumer(kind: Exclude<Kind, 'call'>, registry: HandlerRegistry, deliver: Deliver): Consumer;
  /**
   * What a contract's messages pass here, in order, from the publisher to the consumer. For people:
   * `explain` prints it.
   */
  describe?(contract: Contract): readonly Hop[];
  /**
   * Everything that must exist at the technology for what a service says and handles: `topology`
   * prints it, 'verify' demands it.
   */
  topology?(
    said: readonly Contract[],
    handled: readonly RegisteredSubscription[],
  ): readonly Resource[];
  /**
   * Whether what was confirmed would survive a crash of the technology, setting by setting:
   * `doctor` prints it. After `connect`.
   */
  checkDurability?(): Promise<readonly Finding[]>;
  /** Tells which errors of its client mean that it is away. */
  readonly outage?: OutageReader;
  /** Releases everything. Called after every intake was closed. */
  close(): Promise<void>;
}

export interface LocalPublishing {
  /**
   * Asked once, after `connect`: whether `store` commits to the very database that carries the
   * messages (never by comparing URLs).
   */
  sharesDatabaseWith(store: Store): Promise<boolean>;
  /**
   * Stores messages as part of the transaction. Called once per transaction, as its last statement
   * but the acknowledgement.
   */
  append(tx: Tx, messages: readonly OutgoingMessage[]): Promise<void>;
  /** After the commit: lets consumers know. A hint; may be lost. */
  wake(messages: readonly OutgoingMessage[]): void;
}

/**
 * What receives messages of one kind: a Nest strategy that can also be drained and asked for its
 * health.
 */
export interface Consumer extends CustomTransportStrategy {
  /**
   * Stops taking messages; resolves when none will be delivered any more. Deliveries under way go
   * on. Idempotent.
   */
  stop(): Promise<void>;
  /**
   * Nest calls it last. What is still in flight then goes back to the technology, without counting
   * as an attempt.
   */
  close(): Promise<void>;
  health(): ConsumerHealth;
  /** Messages waiting per subscription, as far as the technology can tell. */
  backlog?(): Promise<readonly Backlog[]>;
}

/**
 * What a technology's publishing side needs to know of a contract: the queue or topic is the
 * owner's.
 */
export const queueOf = (contract: Contract): string => contract.owner;
