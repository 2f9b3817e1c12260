import type { Contract, Duration, Kind } from '@parley/contract';
import type { MessageHandler } from '@nestjs/microservices';

/** How a handler is retried, ordered and run. Every default is the safe one. */
export interface HandlerOptions {
  /**
   * 'handler' (default): the handler runs inside the one transaction of its handling. 'own': no
   * transaction is open; it does slow or outside work first, then commits once by
   * `context.transaction`.
   */
  readonly transaction?: 'handler' | 'own';
  /**
   * Defaults: 3 at once, then after 1 s, 10 s and 60 s (each followed by immediate ones again),
   * then dead letter.
   */
  readonly retry?: {
    readonly immediate?: number;
    readonly delays?: readonly Duration[];
    /**
     * Deliveries, each handled alone, that may end without an outcome (the process ended, the lease
     * was lost) before the message is a dead letter of the class `ProcessEndedError`. From 1 to 8,
     * default 4.
     */
    readonly unfinished?: number;
  };
  /**
   * After this time the signal of a handling is aborted; 5 s later (`handlerGrace`) the handling is
   * ended and fails. Default 30 s; the lease is renewed meanwhile.
   */
  readonly timeout?: Duration;
}

/**
 * For a handler that takes the waiting messages, up to `batch` at a time, in one transaction with
 * all their acknowledgements. When it fails, the whole batch is rolled back and each message is
 * handled alone, as a batch of one. Commands and events only; with `transaction: 'own'` the service
 * does not start.
 */
export interface BatchOptions extends HandlerOptions {
  /** From 1 to 1000. The subscription's concurrency is at least this. */
  readonly batch: number;
}

/**
 * Where a subscription starts to read the first time it is seen, and whether it is durable. Events
 * only.
 */
export interface SubscriptionOptions {
  /** Default 'beginning'. */
  readonly from?: 'beginning' | 'now' | Date;
  /**
   * A live tail: from now on, at most once, to every instance; no group, no retries, no store.
   * Default false.
   */
  readonly live?: boolean;
}

export interface Handler {
  readonly contract: Contract;
  readonly options: HandlerOptions & Partial<BatchOptions>;
  /** `StockController.reserve`, for logs and errors. */
  readonly name: string;
  /** Nest's: guards, interceptors, pipes, filters and the method. */
  readonly run: MessageHandler;
  /**
   * No method handles it: it stands for a command of this service, so that its queue is read and
   * its messages are kept as dead letters.
   */
  readonly missing?: true;
}

/**
 * The interest of one handler class or saga: its own position, lanes and retries. Commands of a
 * service share one, named for the service; so do broadcasts.
 */
export interface RegisteredSubscription extends Required<SubscriptionOptions> {
  readonly kind: Exclude<Kind, 'call'>;
  /** `orders.read-model`; for commands and broadcasts the service: `orders`. */
  readonly name: string;
  readonly handlers: ReadonlyMap<string, Handler>;
  /**
   * Messages that this instance handles at the same time, over all lanes. It may change while the
   * service runs: read it for each message.
   */
  readonly concurrency: number;
  /**
   * Calls `changed` after every change of the concurrency. Running handlings go on; a raised limit
   * takes effect at once.
   */
  readonly onConcurrency?: (changed: () => void) => void;
}
