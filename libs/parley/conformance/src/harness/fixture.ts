import type { MessagingOptions } from '@parley/messaging';
import type { Tx } from '@parley/messaging/transport';

/**
 * What a technology may offer. What is declared is tried; what is not is skipped, with the reason
 * printed.
 */
export type Feature =
  /** Instances can be killed: `Place.kill`. */
  | 'death'
  /**
   * The technology can be away and come back while the store is there: `Place.way`. Then messages
   * wait in the outbox.
   */
  | 'outbox'
  /** Connections can be cut, also those to the store: `Place.cut`. */
  | 'cuts'
  /** The technology's confirm can get lost on its way: `Way.deafen`. */
  | 'confirms'
  /** The technology's own process can be killed and started again: `Fixture.broker`. */
  | 'broker'
  /** Commands and events: what a process held when it ended is delivered again. */
  | 'orphans'
  /** Commands and events: keeps messages while nobody handles them. */
  | 'persistent'
  /**
   * Commands and events: what was handled can be forgotten before its time, by `Fixture.forget`.
   */
  | 'forgets'
  /** There is a body that it never takes: one above `Transport.largest`. */
  | 'refuses'
  /**
   * Calls: bodies above a limit are refused where they are said. (What else is said has its limit
   * in `Transport.largest`, which is always tried.)
   */
  | 'limits';

export interface Features {
  /** Declared: true. Not declared: why, for the report. */
  readonly offers: Readonly<Partial<Record<Feature, true | string>>>;
  /** Milliseconds by which a delayed message may come later than asked for. */
  readonly lateness?: number;
  /**
   * What holds except in one respect, by the promise's number: the respect. It is printed with the
   * result.
   */
  readonly exceptions?: Readonly<Record<string, string>>;
  /** Bytes of the largest body that is promised to arrive. */
  readonly largest?: number;
}

/** How one instance reaches the technology. */
export interface ProxyControl {
  /** Drops every connection and lets none through; says how many it dropped. */
  down(): number;
  up(): void;
  /** What the technology says is lost from now on, until `down`; what is said to it arrives. */
  dropResponses?(): void;
}

/** Where one instance of a service lives: its database and its connections, nobody else's. */
export interface Place {
  readonly options: Pick<MessagingOptions, 'urls' | 'technologies' | 'listen' | 'store'>;
  /** To the technology alone. */
  readonly way?: ProxyControl;
  /**
   * Drops all connections, without a goodbye; new ones are let through. Says how many it dropped.
   */
  cut?(): number;
  /**
   * Whatever goes over the connections there are is lost without a sign; new ones are let through.
   * Says how many.
   */
  swallow?(): number;
  /**
   * As `kill -9`: nothing the instance does gets anywhere any more. Says how many connections, or
   * other ties, it dropped.
   */
  kill(): number;
  /** Whether something still gets through; asked after `kill`. */
  alive(): boolean;
  close(): Promise<void>;
}

/** How to make, start, stop and kill instances on a technology. */
export interface Fixture {
  /** The name of its column: `postgres, own database`. */
  readonly technology: string;
  readonly features: Features;
  setUp?(): Promise<void>;
  tearDown?(): Promise<void>;
  /**
   * Makes a service known to the technology, as a deployment does before anything starts. Called
   * again for what is known.
   */
  admit?(service: string): Promise<void>;
  /** A place for one more instance. The instances of one service share their database. */
  open(service: string): Promise<Place>;
  /**
   * Lets a service's inbox, and whatever else knows messages by their ids, forget what is older
   * than so many milliseconds.
   */
  forget?(service: string, olderThan: number): Promise<void>;
  /**
   * What the dead leased is free now and not when their time is over: a proof need not wait for
   * that.
   */
  expire?(): Promise<void>;
  /** Notes an effect in a service's database as part of the transaction. */
  record(service: string, tx: Tx, effect: string): Promise<void>;
  /**
   * The technology's own process: killed as by a power cut, started again on what it stored. Both
   * resolve when it is done.
   */
  readonly broker?: { kill(): Promise<void>; start(): Promise<void> };
  /** The committed effects of a service, in order. */
  effects(service: string): Promise<readonly string[]>;
}
