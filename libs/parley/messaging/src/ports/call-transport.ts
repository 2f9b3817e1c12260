import { isStream, type Contract, type Question } from '@parley/contract';
import type { Deadline } from '@parley/resilience';
import type { CustomTransportStrategy } from '@nestjs/microservices';
import type { HandlerRegistry } from '../handlers/handler-registry';
import type { Headers } from '../message/message';
import { OutageError } from './outage';
import type { ConsumerHealth } from './health';

/** A technology that carries calls. */
export interface CallTransport {
  readonly technology: string;
  /**
   * Sends a request to one instance of the contract's owner, by the balance of its URL, and resolves
   * with its reply. Rejects with DeadlineExceededError at the deadline, `OwnerUnavailableError`
   * when no instance could be reached (the request was certainly not handled), `ReplyLostError`
   * when the connection broke before the reply, and the signal's reason when it is aborted;
   * cancellation reaches the other side.
   */
  call(request: OutgoingCall): Promise<CallResult>;
  /**
   * Opens a stream at one instance, as `call` sends a request: resolves with its items when the
   * first one has arrived, or the end. Undefined: the technology carries no streams.
   */
  stream?(request: OutgoingCall): Promise<StreamResult>;
  /** True when callers prove who they are by certificates. */
  readonly provesCallers?: boolean;
  /** True when a service mesh balances and repeats the calls to an owner: the kit repeats none. */
  isMesh?(owner: string): boolean;
  /** The instances of the owners that were called so far. */
  instances?(): readonly InstanceState[];
  /** The Nest strategy that answers the registered calls. */
  server(registry: HandlerRegistry, answer: HandleCall): CallServer;
  close(): Promise<void>;
}

export interface OutgoingCall {
  readonly contract: Question;
  readonly headers: Headers;
  readonly body: Buffer;
  readonly deadline: Deadline;
  readonly signal?: AbortSignal;
  /** Addresses that this request was sent to; a further try goes to another one if there is one. */
  readonly tried?: Set<string>;
}

/** How a caller sees one instance. */
export interface InstanceState {
  readonly owner?: string;
  readonly address: string;
  /**
   * 'left out': it cannot be reached, and is tried again; 'ejected': it fails much more often than
   * the others, and comes back after a while.
   */
  readonly state: 'in use' | 'left out' | 'ejected';
  readonly inFlight: number;
  /** How often it was ejected in a row. */
  readonly ejections: number;
}

/** A connection to one instance: opens nothing before its first call, and reconnects by itself. */
export interface CallConnection {
  /**
   * Rejects with DeadlineExceededError at the deadline, `OwnerUnavailableError` when the request was
   * certainly not handled, `ReplyLostError` when that is unknown, and the signal's reason when it is
   * aborted.
   */
  call(request: OutgoingCall): Promise<CallResult>;
  /** Sends the request of a stream. Undefined: the technology carries no streams. */
  stream?(request: OutgoingCall): Items;
  /** Ends the requests under way. */
  close(): Promise<void>;
}

/** The items of a stream under way; read by one reader. */
export interface Items {
  /**
   * The next item, or the end. Rejects as `call` of a connection does. The owner is held back while
   * nobody reads.
   */
  next(): Promise<StreamPart>;
  /** Resolves when nothing more arrives, with the error if there is one: never rejects. */
  readonly ended: Promise<StreamOutcome>;
}

export type StreamPart = { readonly item: Buffer } | StreamEnd;
/** The end of a stream; without a fault, that was the last item. */
interface StreamEnd {
  readonly item?: undefined;
  readonly fault?: CallFault;
}
export type StreamOutcome = StreamEnd | { readonly error: unknown };
export type StreamResult =
  { readonly ok: true; readonly items: Items } | { readonly ok: false; readonly fault: CallFault };

export interface CallServer extends CustomTransportStrategy {
  /** Accepts no new calls (callers go to other instances); those under way are answered. */
  stop(): Promise<void>;
  health(): ConsumerHealth;
}

/** The service that makes a call. */
export interface Caller {
  readonly service: string;
  /** How it proved its name; undefined: it only says so. */
  readonly proof?: 'certificate' | 'token';
}

/** A request as a technology delivers it. */
export interface IncomingCall {
  readonly contract: string;
  readonly headers: Headers;
  readonly body: Buffer;
  readonly deadline: Deadline;
  /** Aborted at the deadline, when the caller cancelled, and when the drain ran out of time. */
  readonly signal: AbortSignal;
  /** The service that its connection proved to come from. */
  readonly caller?: Caller;
  /**
   * For a stream: takes an item; resolves when there is room for the next one. The body of the
   * answer is empty then.
   */
  readonly write?: (item: Buffer) => Promise<void>;
}

/** Handles a request. Never rejects. */
export type HandleCall = (call: IncomingCall) => Promise<CallResult>;

export type CallResult =
  { readonly ok: true; readonly body: Buffer } | { readonly ok: false; readonly fault: CallFault };

/** An error as it crosses the wire. */
export interface CallFault {
  /** One of the contract's own codes, or one of these. */
  readonly code:
    | string
    | 'invalid-request'
    | 'invalid-reply'
    | 'unhandled'
    | 'no-handler'
    | 'unavailable'
    | 'overloaded'
    | 'outcome-unknown'
    | 'deadline-exceeded'
    | 'cancelled'
    | 'stopping'
    | 'idempotency-conflict'
    | 'no-memory'
    | 'not-allowed';
  readonly message: string;
  /**
   * For one of the contract's own codes: details by its schema. For 'invalid-request': the issues,
   * at most 20.
   */
  readonly details?: unknown;
}

/**
 * Why a call was certainly not handled: no instance could be reached; one side does not trust the
 * certificate of the other; something that the owner needs is away; the circuit breaker is open,
 * because nearly all calls failed; as many calls as allowed are under way; the owner has too much
 * to do.
 */
export type UnavailableReason =
  'unreachable' | 'untrusted' | 'lacking' | 'circuit-open' | 'bulkhead-full' | 'overloaded';

/** The request took no effect: it was certainly not handled. `reason` says why. */
export class OwnerUnavailableError extends OutageError {
  override readonly name = 'OwnerUnavailableError';
  override readonly effect = 'none';
  readonly owner: string;

  constructor(
    contract: Contract,
    why: string,
    whatIs = `no instance of ${contract.owner} can be reached`,
    advice = 'is it running, and does CALLS_URL point to it?',
    readonly reason: UnavailableReason = 'unreachable',
  ) {
    super(`${contract.name}: ${whatIs} (${why}); ${advice}`);
    this.owner = contract.owner;
  }

  /** One side does not trust the certificate of the other. */
  static untrusted(contract: Contract, why: string): OwnerUnavailableError {
    return new OwnerUnavailableError(
      contract,
      why,
      `there is no trusted connection to ${contract.owner}`,
      'check the files that CALLS_URL names on both sides',
      'untrusted',
    );
  }

  /** The owner was reached, but something that it needs was not. */
  static lacking(contract: Contract, why: string): OwnerUnavailableError {
    const whatIs = `${contract.owner} cannot answer right now`;
    return new OwnerUnavailableError(
      contract,
      why,
      whatIs,
      'its log says what it waits for',
      'lacking',
    );
  }

  /** The call was not made: nearly all calls before it failed. */
  static circuitOpen(contract: Contract): OwnerUnavailableError {
    return new OwnerUnavailableError(
      contract,
      'nearly all calls before it failed',
      `the circuit breaker for ${contract.owner} is open`,
      'it closes by itself when calls succeed again',
      'circuit-open',
    );
  }

  /** The call was not made: as many as allowed wait for a reply. */
  static bulkheadFull(contract: Contract, limit: number): OwnerUnavailableError {
    return new OwnerUnavailableError(
      contract,
      `${limit} calls are under way`,
      `no further call to ${contract.owner} may be made right now`,
      'it answers more slowly than it is asked',
      'bulkhead-full',
    );
  }

  /** The owner refused the call: it could only answer it late. */
  static overloaded(contract: Contract, why: string): OwnerUnavailableError {
    return new OwnerUnavailableError(
      contract,
      why,
      `${contract.owner} has too much to do`,
      'try again later, or start more instances',
      'overloaded',
    );
  }
}

/** This service may not make the call, or did not prove its name. Nothing was done. */
export class CallNotAllowedError extends Error {
  override readonly name = 'CallNotAllowedError';
  readonly owner: string;

  constructor(contract: Contract, why: string) {
    super(
      `${contract.name}: ${contract.owner} does not allow this call (${why}); nothing was done. CALLS_ALLOWED of ${contract.owner} says who may`,
    );
    this.owner = contract.owner;
  }
}

/**
 * The connection broke after the request was sent. Only an idempotent call may be made again; a
 * stream always: the items that arrived before are good.
 */
export class ReplyLostError extends OutageError {
  override readonly name = 'ReplyLostError';
  override readonly effect = 'unknown';
  constructor(contract: Contract, why: string) {
    super(
      isStream(contract)
        ? `${contract.name}: the stream from ${contract.owner} broke off before its end (${why}); ask for it again`
        : `${contract.name}: the connection to ${contract.owner} broke before it answered (${why}); whether the call took effect is unknown`,
    );
  }
}
