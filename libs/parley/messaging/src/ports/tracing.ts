import type { Contract } from '@parley/contract';
import type { Envelope, Headers, OutgoingMessage } from '../message/message';
import type { TraceContext } from '../message/trace';

/*
 * The port of tracing: spans of the way of messages and calls. Messaging says what happens, in its
 * own words; the names of a convention are given by the one who implements it. Without a
 * `Tracing` no span is made and nothing of this is called.
 */

/** A span under way. */
export interface Span {
  /** What follows from it carries this context. */
  readonly context: TraceContext;
  /** Runs work as a part of it. */
  run<T>(work: () => T): T;
  end(ended?: Ended): void;
}

export interface Ended {
  /** 'done', 'retry', 'dead', 'NOT_FOUND' … */
  readonly outcome?: string;
  /** Class of the error that it failed with; undefined when it did not fail. */
  readonly error?: string;
  /** Handlings that it took, or requests of a call. */
  readonly tries?: number;
}

/** A message as it was sent: its headers hold the context of its creation. */
export interface ReceivedMessage {
  readonly contract: string;
  readonly headers: Headers;
}

/** A message that is handled alone. */
export interface Handled extends ReceivedMessage {
  readonly technology?: string;
  readonly kind: string;
  readonly subscription: string;
  readonly attempt: number;
  /** Milliseconds since it was sent. */
  readonly age: number;
  /** It was kept in the store of the service: a retry, the replay of a dead letter, its lane. */
  readonly kept: boolean;
}

/** Messages that are handled together. */
export interface HandledTogether {
  readonly technology?: string;
  readonly kind: string;
  readonly contract: string;
  readonly subscription: string;
  readonly messages: readonly ReceivedMessage[];
}

export interface Tracing {
  /** A message is sent by the current code, or joins the open transaction. Its context is the message's. */
  create(contract: Contract, technology: string): CreateSpan;
  /** Messages are handed to their technology. */
  send(technology: string, messages: readonly OutgoingMessage[]): Span;
  process(message: Handled): Span;
  processTogether(messages: HandledTogether): Span;
  /** A call is made by the current code. */
  call(contract: Contract, technology: string): Span;
  /** A call is answered. */
  answer(call: ReceivedMessage, technology: string): Span;
  /** Work of a service on its own, such as a timeout, which follows from `cause`. */
  work(name: string, attributes: SpanAttributes, cause: TraceContext): Span;
  /** Notes an event of the span under way. */
  note(event: string, attributes: SpanAttributes): void;
}

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export interface CreateSpan extends Span {
  /** The message was written. */
  wrote(envelope: Envelope, bytes: number): void;
}
