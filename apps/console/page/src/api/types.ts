// Answers of the console's API, with the fields that the page shows.
import type { HandlingRow, MessageRow, SpanRow } from '../../../src/messages/rows';

export type State = 'ready' | 'degraded' | 'not ready' | 'silent';
export type Kind = 'call' | 'command' | 'broadcast' | 'event';

/** Of a service that did not answer. */
interface Unanswered {
  readonly service: string;
  readonly error: unknown;
}

export interface Me {
  readonly name: string;
  readonly role?: 'viewer' | 'operator';
  readonly isProven: boolean;
}

interface Pause {
  readonly subscription: string;
  readonly reason?: string;
  /** Milliseconds since the epoch. */
  readonly since?: number;
  readonly nextProbe?: number;
}

export interface Instance {
  readonly service: string;
  readonly url: string;
  readonly state: State;
  readonly causes: readonly string[];
  readonly status?: {
    readonly instance?: string;
    readonly build?: string;
    /** Seconds. */
    readonly uptime?: number;
    /** Bytes. */
    readonly memory?: number;
    readonly paused?: readonly Pause[];
    readonly outbox?: {
      readonly waiting: number;
      /** Milliseconds. */
      readonly oldestAge: number;
      readonly reasons?: readonly string[];
    };
  };
}

export interface SubscriptionBacklog {
  readonly subscription: string;
  readonly waiting: number;
  readonly parked: number;
  readonly delayed: number;
  readonly dead: number;
}

export type Backlog =
  { readonly service: string; readonly items: readonly SubscriptionBacklog[] } | Unanswered;

interface Overdue {
  readonly contract: string;
  readonly id: string;
  readonly subscription?: string;
  readonly handler: string;
  /** Milliseconds. */
  readonly age: number;
  readonly ended: boolean;
}

export type OverdueOfInstance =
  | { readonly service: string; readonly url: string; readonly items: readonly Overdue[] }
  | (Unanswered & { readonly url: string });

export type ConcurrencyOfInstance =
  | {
      readonly service: string;
      readonly url: string;
      readonly subscriptions: readonly {
        readonly kind: Kind;
        readonly subscription: string;
        readonly concurrency: number;
      }[];
    }
  | (Unanswered & { readonly url: string });

export interface ConcurrencyChange {
  readonly subscription: string;
  readonly instances: readonly {
    readonly url: string;
    readonly before?: number;
    readonly concurrency?: number;
    readonly error?: unknown;
  }[];
}

interface Failure {
  readonly error: string;
  readonly message: string;
  readonly stack?: string;
  readonly tries: number;
  readonly instance: string;
  readonly firstFailedAt: string;
}

export interface DeadLetter {
  readonly id: string;
  readonly subscription: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Of a body that is no text. */
  readonly bodyBase64?: string;
  readonly failure: Failure;
  readonly died: string;
  /** Later messages of its key wait for it. */
  readonly holds: boolean;
  readonly edits: number;
  readonly group: string;
}

/** A replay in steps. */
export interface ReplayRun {
  readonly id: string;
  readonly subscription: string;
  readonly group: string;
  readonly state: 'running' | 'done' | 'relapsed' | 'cancelled';
  readonly who: string;
  readonly reason?: string;
  readonly step: number;
  readonly steps: number;
  readonly progress: string;
  readonly outcome?: string;
  readonly began: string;
}

export type ReplayRuns =
  { readonly service: string; readonly runs?: readonly ReplayRun[] } | Unanswered;

export interface ReplayPreview {
  readonly letter: string;
  readonly contract: string;
  readonly handler?: string;
  readonly expect: string;
  readonly why: string;
  readonly lane?: {
    readonly key: string;
    readonly held: boolean;
    readonly heldBy?: string;
    readonly waiting: number;
  };
}

export type DeadLetters =
  | {
      readonly service: string;
      readonly count: number;
      readonly deadLetters: readonly DeadLetter[];
    }
  | Unanswered;

export interface DeadLetterGroup {
  readonly group: string;
  readonly error: string;
  readonly cause: string;
  readonly contract: string;
  readonly count: number;
  /** Those that died again after a replay. */
  readonly relapsed?: number;
  readonly subscriptions: readonly string[];
  readonly first: string;
  readonly last: string;
}

/** A service that keeps no dead letters answers without groups. */
export type DeadLetterGroups =
  | {
      readonly service: string;
      readonly count: number;
      readonly groups?: readonly DeadLetterGroup[];
    }
  | Unanswered;

export interface AuditEntry {
  readonly at: string;
  readonly who: string;
  readonly action: string;
  readonly letter: string;
  readonly outcome: string;
  readonly became?: string;
  readonly subscription?: string;
  readonly contract?: string;
  readonly reason?: string;
}

export type Audit =
  { readonly service: string; readonly entries?: readonly AuditEntry[] } | Unanswered;

/** The answer to a replay or discard of many. */
export interface Batch {
  readonly upTo?: string;
  readonly done: readonly string[];
  readonly gone: readonly string[];
  readonly left: number;
}

export interface Previews {
  readonly count: number;
  readonly replays: readonly ReplayPreview[];
}

export interface DeadOfSaga {
  /** `inventory/3` */
  readonly letter: string;
  readonly contract: string;
  readonly holds: boolean;
}

export interface SagaSummary {
  readonly name: string;
  readonly key: string;
  readonly stage?: string;
  readonly done: boolean;
  readonly startedAt: string;
  readonly changedAt: string;
  readonly dead?: readonly DeadOfSaga[];
}

export type Sagas =
  | { readonly service: string; readonly items: readonly SagaSummary[] }
  | { readonly service: string; readonly incomplete: string }
  | Unanswered;

export interface Saga extends SagaSummary {
  readonly state: unknown;
  readonly version: number;
  readonly correlationId: string;
  readonly history: readonly {
    readonly at: string;
    readonly trigger: string;
    readonly messageId?: string;
    readonly from?: string;
    readonly to?: string;
    readonly said: readonly string[];
    readonly changes?: readonly StateChange[];
    /** Of a repair. */
    readonly who?: string;
    readonly reason?: string;
  }[];
  readonly timeouts: readonly {
    readonly name: string;
    readonly due: string;
    readonly times: number;
    readonly failures: number;
    readonly error?: string;
    /** It waits for an operator. */
    readonly paused?: boolean;
  }[];
  /** Why it does not go on, in a sentence. */
  readonly why?: string;
  readonly waitsFor?: readonly string[];
  /** The rest of its way, if all goes well. */
  readonly ahead?: readonly StepAhead[];
  /** Its own messages whose step died. */
  readonly deadSteps?: readonly { readonly id: string; readonly contract: string }[];
  /** Undefined: its service is older than repairs. */
  readonly cancellable?: boolean;
  readonly repairs?: readonly {
    readonly at: string;
    readonly who: string;
    readonly action: string;
    readonly reason: string;
    readonly outcome: string;
  }[];
}

export interface StateChange {
  readonly field: string;
  readonly from?: string;
  readonly to?: string;
}

interface StepAhead {
  readonly on: string;
  readonly to?: string;
  readonly says: readonly string[];
  readonly done: boolean;
}

export interface CatalogueEntry {
  readonly name: string;
  readonly kind: Kind;
  readonly owner: string;
  readonly version: number;
  readonly key?: string;
  readonly senders: readonly string[];
  readonly handlers: readonly {
    readonly service: string;
    readonly handler: string;
    readonly subscription?: string;
    readonly version: number;
  }[];
}

export interface Catalogue {
  readonly contracts: readonly CatalogueEntry[];
  readonly unanswered: readonly string[];
}

export type Explained =
  | {
      readonly service: string;
      readonly says?: {
        readonly technology: string;
        readonly address: string;
        readonly hops: readonly {
          readonly what: string;
          readonly name: string;
          readonly why: string;
        }[];
      };
      readonly handlers: readonly {
        readonly handler: string;
        readonly subscription?: string;
        readonly concurrency?: number;
        readonly timeout?: number;
        readonly deadline?: number;
        readonly transaction?: string;
        readonly retry?: {
          readonly immediate: number;
          readonly delays: readonly number[];
          readonly unfinished?: number;
        };
      }[];
    }
  | Unanswered;

export type Handling = Omit<HandlingRow, 'message'>;

/** A message that was handled, and its handlings. */
export interface KeptMessage extends Omit<MessageRow, 'kind'> {
  readonly kind: Kind;
  readonly handlings: readonly Handling[];
}

export interface MessagePage {
  readonly messages: readonly KeptMessage[];
  readonly next?: string;
  readonly through?: string;
}

export type KeptSpan = SpanRow;

export interface Trace {
  readonly spans: readonly KeptSpan[];
  readonly messages: readonly KeptMessage[];
}
