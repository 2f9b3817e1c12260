import { AsyncLocalStorage } from 'node:async_hooks';
import type { Deadline } from '@parley/resilience';
import type { EntityManager } from 'typeorm';
import type { Caller } from '../ports/call-transport';
import type { Envelope } from './message';

/** The second argument of a handler of a command, broadcast or event. */
export interface HandlerContext<Tx = EntityManager> {
  readonly envelope: Envelope;
  /** 1 the first time, one more for each delayed retry. */
  readonly attempt: number;
  /**
   * Aborted when the handling took too long or no longer counts. Pass it to every outside call that
   * waits.
   */
  readonly signal: AbortSignal;
  /**
   * The one transaction of this handling. With `transaction: 'own'` there is none yet: reading it
   * throws.
   */
  readonly tx: Tx;
  /**
   * For `transaction: 'own'`: commits the handling's effects, its messages and its acknowledgement,
   * once.
   */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
}

/**
 * The second argument of a handler of batches. Messages that it sends begin a conversation of their
 * own: they follow from all messages of the batch.
 */
export interface BatchContext<Tx = EntityManager> {
  /** In the order of the messages. */
  readonly envelopes: readonly Envelope[];
  /** Aborted when the handling took too long, or no longer counts for one of them. */
  readonly signal: AbortSignal;
  /** The one transaction in which all of them take effect and are acknowledged, or none. */
  readonly tx: Tx;
}

/** The second argument of a handler of a call. */
export interface CallContext {
  readonly envelope: Envelope;
  /** The service that calls: proven by its certificate or token, or by its own word only. */
  readonly caller: Caller;
  /** The time at which the caller stops waiting for the reply. */
  readonly deadline: Deadline;
  /** Aborted at the deadline and when the caller went away. */
  readonly signal: AbortSignal;
  /**
   * Commits the effects of the call; `work` resolves with the reply, which the handler must return.
   * Under an idempotency key the same transaction stores the reply, so that the call takes effect
   * once, also when a process ends at any point. Once a call.
   */
  transaction<T>(work: (tx: EntityManager) => Promise<T>): Promise<T>;
}

/**
 * The second argument of a handler of a stream. It has no transaction: one that stays open while a
 * reader is waited for would hold its locks as long.
 */
export type StreamContext = Omit<CallContext, 'transaction'>;

/** The ids that all messages sent by one handling, or one answer, have in common. */
export interface Conversation {
  readonly correlationId: string;
  readonly traceparent: string;
  readonly tracestate?: string;
  /** The message being handled. */
  readonly messageId?: string;
  readonly contract?: string;
  /** The time at which nobody waits for the result any more: calls end at it. */
  readonly deadline?: Deadline;
  /** Aborted when nobody waits for the result any more: calls end then. */
  readonly signal?: AbortSignal;
  /** 'batch': the calls that follow from it come after those that somebody waits for. */
  readonly priority?: 'batch';
}

const conversations = new AsyncLocalStorage<Conversation | undefined>();

/** The conversation of the current code, if any: logs and outgoing messages carry its ids. */
export const currentConversation = (): Conversation | undefined => conversations.getStore();

/**
 * Runs work that others wait for, too: it stays in the conversation, but goes on when the caller of
 * the moment does not wait any more.
 */
export function withoutCaller<T>(run: () => T): T {
  const conversation = currentConversation();
  return conversation
    ? inConversation({ ...conversation, deadline: undefined, signal: undefined }, run)
    : run();
}

/** Runs work in this conversation, or in none, whatever the conversation of the caller is. */
export const inConversation = <T>(conversation: Conversation | undefined, run: () => T): T =>
  conversations.run(conversation, run);
