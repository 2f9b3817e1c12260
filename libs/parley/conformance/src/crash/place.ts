import type { Store, Technology } from '@parley/messaging';
import type { FailpointHook, TransportContext, Tx } from '@parley/messaging/transport';

export const SENDER = 'desk';
export const CONSUMER = 'works';

/** Something said, or an effect of it. */
export interface Entry {
  readonly kind: string;
  readonly key: string;
  readonly n: number;
}

/**
 * The databases and technologies of a worker. A technology's module exports `openPlace(data, life):
 * CrashPlace`; `data` comes from its site.
 */
export interface CrashPlace {
  readonly urls: { readonly commands: string; readonly events: string };
  readonly technologies: readonly Technology[];
  readonly store: Store;
  /**
   * Records a message that the open transaction sends, and returns its number in its key. One
   * transaction of a key at a time.
   */
  next(tx: Tx, kind: string, key: string): Promise<number>;
  /** Writes an effect down, without looking whether it is there already. */
  effect(tx: Tx, entry: Entry): Promise<void>;
  /** How many things that were said have had no effect yet, about. */
  behind(): Promise<number>;
}

/** One life of a worker. */
export interface Life {
  readonly service: string;
  readonly instance: string;
  readonly passes?: FailpointHook;
  readonly log: TransportContext['log'];
}

export type OpenPlace = (data: never, life: Life) => Promise<CrashPlace>;

/** Work that a stopped process would leave unfinished if it were killed now. */
export interface UnderWay {
  /** Its open transactions in the services' database. */
  readonly transactions: number;
  /** Messages it took and did not acknowledge. */
  readonly unacknowledged: number;
  /** Committed in its outbox and not published. */
  readonly unpublished: number;
  /** Published, and still in its outbox. */
  readonly unremoved: number;
}

/** Databases and a technology in which workers are killed, as the campaign sees them. */
export interface CrashSite {
  readonly name: string;
  /** The module that exports `openPlace`, and its argument. */
  readonly module: string;
  readonly data: object;
  /** True when messages reach the technology by outbox and relay. */
  readonly relays: boolean;
  underWay(service: string, instance: string): Promise<UnderWay>;
  /**
   * A dead process's leases end now and not when their time is over: nothing else waits for that in
   * this proof.
   */
  expire(): Promise<void>;
  said(): Promise<readonly Entry[]>;
  /** In the order in which they were made. */
  effects(): Promise<readonly Entry[]>;
  dead(): Promise<readonly Entry[]>;
  /** Messages on their way: in an outbox, in the technology, or parked. */
  left(): Promise<number>;
  close(): Promise<void>;
}
