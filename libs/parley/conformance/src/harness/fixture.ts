import type { Contract } from '@parley/contract';
import type { DeadLetter, MessagingOptions } from '@parley/messaging';
import type { Tx } from '@parley/messaging/transport';

/**
 * Features that a technology may offer. Declared ones are tried; others are skipped, with the
 * reason printed.
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
  /** Commands and events: messages that a process held when it ended are delivered again. */
  | 'orphans'
  /** Commands and events: instances can be processes of their own: `Fixture.processes`. */
  | 'processes'
  /** Commands and events: keeps messages while no process handles them. */
  | 'persistent'
  /** Commands and events: handled messages can be forgotten early, by `Fixture.forget`. */
  | 'forgets'
  /**
   * There is a message that it never takes: a body above `Transport.largest`, or an attribute of
   * `Features.refusedAttribute`.
   */
  | 'refuses'
  /**
   * Calls: bodies above a limit are refused by the sender. (Stored messages have their limit in
   * `Transport.largest`, which is always tried.)
   */
  | 'limits'
  /** Calls only: it carries streams. */
  | 'streams';

export interface Features {
  /** Declared: true. Not declared: why, for the report. */
  readonly offers: Readonly<Partial<Record<Feature, true | string>>>;
  /** Milliseconds by which a delayed message may come later than asked for. */
  readonly lateness?: number;
  /**
   * Exceptions of guarantees that hold otherwise, by the guarantee's number. Printed with the
   * result.
   */
  readonly exceptions?: Readonly<Record<string, string>>;
  /** Bytes of the largest body that is promised to arrive. */
  readonly largest?: number;
  /** Characters of an attribute that it never takes, where it takes every body. */
  readonly refusedAttribute?: number;
}

/** How one instance reaches the technology. */
export interface ProxyControl {
  /** Drops every connection and lets none through; says how many it dropped. */
  down(): number;
  up(): void;
  /**
   * Drops everything that the technology sends from now on, until `down`; requests still reach it.
   */
  dropResponses?(): void;
}

/**
 * The surroundings of one instance of a service: its database and its connections, shared with no
 * other service.
 */
export interface Place {
  readonly options: Pick<MessagingOptions, 'urls' | 'technologies' | 'listen' | 'store'>;
  /** To the technology alone. */
  readonly way?: ProxyControl;
  /**
   * Drops all connections, without a goodbye; new ones are let through. Says how many it dropped.
   */
  cut?(): number;
  /**
   * Drops all bytes on the connections that are open now, without a sign; new connections work.
   * Returns how many there were.
   */
  swallow?(): number;
  /** As `swallow`, and new connections lead nowhere until `back`. */
  silence?(): number;
  back?(): void;
  /**
   * As `kill -9`: nothing the instance does gets anywhere any more. Says how many connections, or
   * other ties, it dropped.
   */
  kill(): number;
  /** True when something still gets through; asked after `kill`. */
  alive(): boolean;
  close(): Promise<void>;
}

/** Ends of a process that it brings about itself, or that nobody sees. */
export type ProcessEnd = 'exit' | 'blocked';

/** A receiver of which every instance is a process of its own, and its database. */
export interface ProcessHost {
  /**
   * Starts an instance whose handler of the key `poison` ends its process, or blocks its event loop
   * for ever. Resolves when it consumes, with a promise of that moment.
   */
  start(instance: string, contract: Contract, end: ProcessEnd): Promise<{ over: Promise<void> }>;
  effects(): Promise<readonly string[]>;
  deadLetters(): Promise<readonly DeadLetter[]>;
  /** Kills what still runs, and drops the database. */
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
   * Makes a service known to the technology, as a deployment does before anything starts. May be
   * called again for the same service.
   */
  admit?(service: string): Promise<void>;
  /** A place for one more instance. The instances of one service share their database. */
  open(service: string): Promise<Place>;
  /**
   * Makes a service's inbox, and every other memory of message ids, forget entries older than so
   * many milliseconds.
   */
  forget?(service: string, olderThan: number): Promise<void>;
  /**
   * Frees the leases of dead instances now, before their time is over, so that a test need not
   * wait.
   */
  expire?(): Promise<void>;
  /** Notes an effect in a service's database as part of the transaction. */
  record(service: string, tx: Tx, effect: string): Promise<void>;
  /**
   * The technology's own process: killed as by a power cut, started again on its stored data. Both
   * resolve when it is done.
   */
  readonly broker?: { kill(): Promise<void>; start(): Promise<void> };
  /** Instances of a service in processes of their own. */
  readonly processes?: (service: string) => Promise<ProcessHost>;
  /** The committed effects of a service, in order. */
  effects(service: string): Promise<readonly string[]>;
}
