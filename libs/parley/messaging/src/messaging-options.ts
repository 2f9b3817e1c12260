import type { Duration } from '@parley/contract';
import type { Clock } from './clock';
import type { CircuitBreakerOptions } from './delivery/circuit-breaker';
import type { FailpointHook } from './ports/failpoints';
import type { DeliveryObserver } from './ports/observer';
import type { Store } from './ports/store';
import type { Technology, TransportContext } from './ports/transport';
import type { Urls } from './sending/routes';

/** What a process needs to be told to send and to handle messages. */
export interface MessagingOptions {
  readonly service: string;
  readonly instance: string;
  readonly build: string;
  readonly urls: Urls;
  /** Where this service answers calls. */
  readonly listen?: { readonly host: string; readonly port: number };
  /** Every technology this process may use. */
  readonly technologies: readonly Technology[];
  /** Commands and events need one, or the start is refused. */
  readonly store?: Store;
  /**
   * Where the keys of those are kept whom messages are about: a URL. Default: the store. All
   * services of an installation need the same.
   */
  readonly keys?: string;
  /**
   * Where bodies wait that are too large for their technology: a URL. Default: the store; false:
   * nowhere, they are refused. Whoever says and handles them needs the same.
   */
  readonly claims?: string | false;
  /** Whether queues, topics and the like are made at start, or only checked. Default 'create'. */
  readonly topology?: TransportContext['topology'];
  /** Messages of one subscription handled at the same time. Default 10. */
  readonly concurrency?: number;
  /**
   * How long a handler may go on after its timeout, at which its signal is aborted, before it is
   * ended. Default 5 s.
   */
  readonly handlerGrace?: Duration;
  /**
   * What becomes of commands of this service for which it has no handler. 'keep' (default): they
   * are dead letters. 'leave': they wait for another process of the same service that handles them.
   */
  readonly unhandled?: 'keep' | 'leave';
  /** When a subscription most of whose handlings fail is paused; false: never. */
  readonly circuitBreaker?: Partial<CircuitBreakerOptions> | false;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly observer?: DeliveryObserver;
  readonly log: TransportContext['log'];
  /** Told of each step of a message's way: for trials that end the process there. */
  readonly passes?: FailpointHook;
}
