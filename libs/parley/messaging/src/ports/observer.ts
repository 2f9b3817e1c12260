import type { Kind } from '@parley/contract';
import type { Failure } from '../message/failure';
import type { Envelope, OutgoingMessage } from '../message/message';

/**
 * Receives the events of deliveries and calls, for metrics and logs. Called on the path of every
 * message: it must not throw, wait or do much.
 */
export interface DeliveryObserver {
  handled?(handling: Handling): void;
  /** A call this process made. */
  called?(call: {
    readonly contract: string;
    /** 'stale' and 'fallback': replied without the owner. */
    readonly outcome: 'ok' | 'stale' | 'fallback' | string;
    readonly milliseconds: number;
  }): void;
  /** A request of a call was sent once more, because one failed or because it is slow. */
  calledAgain?(contract: string, why: 'retry' | 'hedge'): void;
  /** A call this process answered. */
  answered?(call: {
    readonly contract: string;
    readonly outcome: 'ok' | string;
    readonly milliseconds: number;
    readonly envelope?: Envelope;
  }): void;
  /** Messages were handed to a technology, one or several at once; not those that a transaction stores. */
  sent?(sending: Sending): void;
  /** Messages that the relay published from the outbox. */
  relayed?(messages: number): void;
  /** Broadcasts of another instance that had not arrived 10 s after a later one. */
  missed?(contract: string, messages: number): void;
}

export interface Sending {
  readonly technology: string;
  readonly messages: readonly OutgoingMessage[];
  readonly milliseconds: number;
  /** Class of the error, when it failed. */
  readonly error?: string;
}

export interface Handling {
  readonly kind: Exclude<Kind, 'call'>;
  readonly contract: string;
  readonly subscription: string;
  readonly outcome: 'done' | 'duplicate' | 'retry' | 'dead' | 'parked' | 'return';
  readonly attempt: number;
  /** Handlings this delivery took, immediate retries included. */
  readonly tries: number;
  readonly milliseconds: number;
  /** From the sending to the end of this handling. */
  readonly age: number;
  /** Absent when it could not be read. */
  readonly envelope?: Envelope;
  /** As it was delivered: personal and secret fields are encrypted. Empty when it was too large to travel. */
  readonly body: Buffer;
  /** Why it failed, where it did. */
  readonly failure?: Pick<Failure, 'error' | 'message'>;
}
