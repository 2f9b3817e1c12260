import { AsyncLocalStorage } from 'node:async_hooks';
import type { Deadline } from '@parley/resilience';
import type { EntityManager } from 'typeorm';
import type { Envelope } from './message';

/** What a handler of a command, broadcast or event gets beside the message. */
export interface HandlerContext<Tx = EntityManager> {
  readonly envelope: Envelope;
  /** 1 the first time, one more for each delayed retry. */
  readonly attempt: number;
  /**
   * Aborted when the handling took too long or no longer counts. Hand it to whatever waits on the
   * outside.
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
 * What a handler of batches gets beside the messages. What it says begins a conversation of its
 * own: it follows from all of them.
 */
export interface BatchContext<Tx = EntityManager> {
  /** In the order of the messages. */
  readonly envelopes: readonly Envelope[];
  /** Aborted when the handling took too long, or no longer counts for one of them. */
  readonly signal: AbortSignal;
  /** The one transaction in which all of them take effect and are acknowledged, or none. */
  readonly tx: Tx;
}

/** What a handler of a call gets beside the request. */
export interface CallContext {
  readonly envelope: Envelope;
  /** After it nobody waits for the reply. */
  readonly deadline: Deadline;
  /** Aborted at the deadline and when the caller went away. */
  readonly signal: AbortSignal;
  /**
   * Commits what the call does; what `work` resolves with is the reply, to be returned. Under an
   * idempotency key the reply is kept by the same transaction, so that the call takes effect once,
   * whoever dies when. Once a call.
   */
  transaction<T>(work: (tx: EntityManager) => Promise<T>): Promise<T>;
}

/** What everything said while handling one message, or answering one request, has in common. */
export interface Conversation {
  readonly correlationId: string;
  readonly traceparent: string;
  /** The message being handled. */
  readonly messageId?: string;
  readonly contract?: string;
  readonly deadline?: Deadline;
}

const conversations = new AsyncLocalStorage<Conversation>();

/** The conversation this code runs in, if any: logs and outgoing messages carry its ids. */
export const currentConversation = (): Conversation | undefined => conversations.getStore();

export const inConversation = <T>(conversation: Conversation, run: () => T): T =>
  conversations.run(conversation, run);
