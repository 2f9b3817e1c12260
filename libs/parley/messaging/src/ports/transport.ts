import type { Contract, Kind } from '@parley/contract';
import type { CustomTransportStrategy } from '@nestjs/microservices';
import type { FailpointHook } from './failpoints';
import type { OutageReader } from './outage';
import type { OutgoingMessage } from '../message/message';
import type { ClaimStore } from './claim-store';
import type { Store } from './store';
import type { Tx } from './tx';
import type { SubjectKeys } from './subject-keys';
import type { SubscriptionRegistry } from '../handlers/handler-registry';
import type { Clock } from '../clock';
import type { CallTransport } from './call-transport';
import type { ConsumerHealth, Backlog } from './health';
import type { RegisteredSubscription } from './subscription';
import type { Deliver } from './delivery';
import type { Hop, Resource, Finding } from './diagnostics';

/*
 * The port of a technology that carries messages. A transport moves bytes, carries out the
 * pipeline's decisions with the means of its technology, and reports its state. The pipeline does
 * everything that makes handling dependable.
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
  /** Opens the key store for the subjects of messages. */
  openKeys?(url: string, context: TransportContext): SubjectKeys;
  /** Opens the claim store for bodies that are too large to travel. */
  openClaims?(url: string, context: TransportContext): ClaimStore;
  /** Makes a transport for calls. */
  openCalls?(options: CallTransportOptions, context: TransportContext): CallTransport;
}

export interface CallTransportOptions {
  /** Where an owner answers: `grpc://127.0.0.1:5020,127.0.0.1:5021`. */
  readonly urlOf: (owner: string) => string;
  /** The address at which this service answers; undefined when it only calls. */
  readonly listen?: { readonly host: string; readonly port: number };
}

/** The surroundings of a transport. */
export interface TransportContext {
  readonly service: string;
  readonly instance: string;
  readonly clock: Clock;
  /** The service's own store, if it has one. */
  readonly store?: Store;
  /**
   * 'verify': the operator creates queues, topics and the like; a missing or different one refuses
   * the start. Default 'create'.
   */
  readonly topology?: 'create' | 'verify';
  readonly log: (
    level: 'debug' | 'info' | 'warn' | 'error',
    message: string,
    details?: object,
  ) => void;
  /** Called at each step of a message's way. For tests that end the process there. */
  readonly passes?: FailpointHook;
}

export interface Transport {
  readonly technology: string;
  /**
   * The address that `explain` prints, without credentials: `postgres://127.0.0.1:25432/parley`.
   */
  readonly address: string;
  /**
   * Opens the publishing side, and creates or checks everything that the technology must hold for
   * these contracts and subscriptions. Rejects within 15 s with one sentence that names the remedy.
   * From then on the transport reconnects by itself, for ever.
   */
  connect(): Promise<void>;
  /**
   * Publishes messages. Resolves when the technology has confirmed every one of them. Rejects when
   * one was refused, could not be routed, or is not confirmed within 10 s (outcome unknown: the
   * caller publishes it again, under the same id). `UnpublishableError`: nothing was stored, and
   * never would be. `PartlyPublishedError` lists the messages that were not published; after any
   * other error all of them are published again. Messages of one key keep their order, in one array
   * and across awaited calls. Broadcasts: resolves when they were passed to the technology,
   * unconfirmed. Never called with `delay` where `delays` is false.
   */
  publish(messages: readonly OutgoingMessage[]): Promise<void>;
  /**
   * True when the technology itself can hold a command back. If not, the outbox waits instead.
   * `without a key`: it can, but may mix up those of a key that are due together; they wait in the
   * outbox of a sender that has one.
   */
  readonly delays: boolean | 'without a key';
  /**
   * True when its queues retry, hold and replay keyed commands in order by themselves. If not, the
   * store of the consuming service does.
   */
  readonly keepsLanes?: boolean;
  /**
   * Bytes of the largest body it accepts; undefined when there is no practical limit. Larger bodies
   * go by claim check.
   */
  readonly maxBodyBytes?: number;
  /**
   * Only a technology that lives in the service's own database has this: the messages are stored by
   * the transaction itself, so there is nothing to relay.
   */
  readonly local?: LocalPublishing;
  /**
   * The Nest strategy that receives messages of one kind for the registered handlers. Called before
   * `connect`, with a registry that Nest fills later: look at neither before the consumer listens.
   */
  consumer(kind: Exclude<Kind, 'call'>, registry: SubscriptionRegistry, deliver: Deliver): Consumer;
  /**
   * Places that a contract's messages pass, in order, from the publisher to the consumer. For
   * people: `explain` prints it.
   */
  describe?(contract: Contract): readonly Hop[];
  /**
   * Everything that must exist at the technology for the messages that a service sends and handles:
   * `topology` prints it, 'verify' demands it.
   */
  topology?(
    sent: readonly Contract[],
    handled: readonly RegisteredSubscription[],
  ): readonly Resource[];
  /**
   * Checks each setting on which confirmed messages depend when the technology crashes: `doctor`
   * prints the findings. Call it after `connect`.
   */
  checkDurability?(): Promise<readonly Finding[]>;
  /** Recognizes the errors of its client that mean that the technology is away. */
  readonly outage?: OutageReader;
  /** Releases everything. Called after all consumers were closed. */
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
  /** After the commit: notifies consumers. A hint; may be lost. */
  wake(messages: readonly OutgoingMessage[]): void;
}

/**
 * A consumer of messages of one kind: a Nest strategy that can also be drained and reports its
 * health.
 */
export interface Consumer extends CustomTransportStrategy {
  /**
   * Stops taking messages; resolves when none will be delivered any more. Deliveries under way go
   * on. Idempotent.
   */
  stop(): Promise<void>;
  /**
   * Called last by Nest. Messages still in flight go back to the technology, without counting as an
   * attempt.
   */
  close(): Promise<void>;
  health(): ConsumerHealth;
  /** Messages waiting per subscription, as far as the technology knows. */
  backlog?(): Promise<readonly Backlog[]>;
}

/** The queue or topic of a contract: the owner's. */
export const queueOf = (contract: Contract): string => contract.owner;
