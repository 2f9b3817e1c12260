import type { Duration } from '@parley/contract';
import type { CallersOptions } from './calls/security/callers';
import type { Clock } from './clock';
import type { CircuitBreakerOptions } from './delivery/circuit-breaker';
import type { FailpointHook } from './ports/failpoints';
import type { DeliveryObserver } from './ports/observer';
import type { Store } from './ports/store';
import type { Tracing } from './ports/tracing';
import type { Technology, TransportContext } from './ports/transport';
import type { Urls } from './sending/routes';

/** Options of a process that sends and handles messages. */
export interface MessagingOptions {
  readonly service: string;
  /** Name of this process among those of the service. Default: the host's name and the pid. */
  readonly instance?: string;
  /** Version of the program; it travels with every message. Default 'development'. */
  readonly build?: string;
  readonly urls: Urls;
  /** Where this service answers calls. */
  readonly listen?: { readonly host: string; readonly port: number };
  /** Every technology this process may use. */
  readonly technologies: readonly Technology[];
  /** Commands and events need one, or the start is refused. */
  readonly store?: Store;
  /**
   * URL of the key store for data subjects. Default: the store. All services of an installation
   * need the same.
   */
  readonly keys?: string;
  /**
   * URL of the claim store for bodies that are too large for their technology. Default: the store;
   * false: none, such bodies are refused. Sender and receivers need the same one.
   */
  readonly claims?: string | false;
  /** 'create' makes queues and topics at start, 'verify' only checks them. Default 'create'. */
  readonly topology?: TransportContext['topology'];
  /** Messages of one subscription handled at the same time. Default 10. */
  readonly concurrency?: number;
  /** Time between a handler's timeout, at which its signal is aborted, and its end. Default 5 s. */
  readonly handlerGrace?: Duration;
  /**
   * Commands of this service without a handler. 'keep' (default): they become dead letters.
   * 'leave': they wait for another process of the same service that handles them.
   */
  readonly unhandled?: 'keep' | 'leave';
  /**
   * The circuit breaker, which pauses a subscription when most of its handlings fail; false: none.
   */
  readonly circuitBreaker?: Partial<CircuitBreakerOptions> | false;
  /**
   * The policies of calls: retry budget, circuit breaker, bulkhead, hedging, and the limit of calls
   * that are answered at the same time. False: none of them, for measurements. Default true.
   */
  readonly callResilience?: boolean;
  /** The services that may call this one, and the proof of its own name. Default: all may. */
  readonly callers?: CallersOptions;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly observer?: DeliveryObserver;
  /** Makes spans of messages and calls. Default: none are made, and nothing is spent on them. */
  readonly tracing?: Tracing;
  /** Receives log lines. Default: the logger of Nest, with the context `Parley`. */
  readonly log?: TransportContext['log'];
  /** Called at each step of a message's way: for tests that end the process there. */
  readonly passes?: FailpointHook;
}
