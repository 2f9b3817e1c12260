import type { Contract, Duration, Kind } from '@parley/contract';
import { OUTBOX } from './outbox-name';
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
   * After this a handling's signal is aborted, and 5 s later it is ended, so that it fails. Default
   * 30 s; the lease is renewed meanwhile.
   */
  readonly timeout?: Duration;
}

/**
 * For a handler that takes messages as they come, up to `batch` at a time, in one transaction with
 * all their acknowledgements. When that fails nothing of it happened, and each is handled alone, as
 * a batch of one. Commands and events only; with `transaction: 'own'` the service does not start.
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

/**
 * One handler class's or one saga's interest: its own position, lanes and retries. Commands of a
 * service share one, named for the service; so do broadcasts.
 */
export interface Subscription extends Required<SubscriptionOptions> {
  readonly kind: Exclude<Kind, 'call'>;
  /** `orders.read-model`; for commands and broadcasts the service: `orders`. */
  readonly name: string;
  readonly handlers: ReadonlyMap<string, Handler>;
  /**
   * Messages this instance handles at the same time, over all lanes. It may change while it runs:
   * read it whenever it counts.
   */
  readonly concurrency: number;
  /**
   * Calls `changed` after every change of the concurrency. What runs goes on; a raised bound has
   * room at once.
   */
  readonly onConcurrency?: (changed: () => void) => void;
}

export interface Handler {
  readonly contract: Contract;
  readonly options: HandlerOptions & Partial<BatchOptions>;
  /** `StockController.reserve`, for logs and errors. */
  readonly name: string;
  /** Nest's: guards, interceptors, pipes, filters and the method. */
  readonly run: MessageHandler;
  /**
   * Nothing handles it: it stands for a command of this service, so that its queue is read and what
   * comes is kept as a dead letter.
   */
  readonly missing?: true;
}

/** What `@Handles` leaves on a method for the registry. */
export interface HandlerExtras {
  readonly contract: Contract;
  readonly options: HandlerOptions & Partial<BatchOptions>;
  readonly handlerClass: { readonly name: string };
  readonly method: string;
}

const SUBSCRIPTION = Symbol('parley.subscription');

/**
 * Names a controller's interest in events: `@Subscription('read-model')` in orders is the
 * subscription `orders.read-model`.
 */
export const Subscription =
  (name: string, options: SubscriptionOptions = {}): ClassDecorator =>
  (target) =>
    Reflect.defineMetadata(SUBSCRIPTION, { name, options }, target);

/** Two handlers where one is meant, or none where one is needed: the service does not start. */
export class HandlerError extends Error {
  override readonly name = 'HandlerError';
}

/** Somebody asked about a subscription that this service does not have. */
export class NoSubscription extends Error {
  override readonly name = 'NoSubscription';
}

/** Groups, positions and tables have keys that are made of it. */
const MAX_SUBSCRIPTION_CHARACTERS = 128;

/** More than any process handles at the same time. */
const MOST_AT_A_TIME = 1_000;
/** With the deliveries before a message is a suspect these are 10 at most. */
const MOST_UNFINISHED = 8;

type Group = { -readonly [P in keyof Subscription]: Subscription[P] } & {
  readonly handlers: Map<string, Handler>;
  readonly listeners: (() => void)[];
};

/** Everything the service handles, as Nest's strategies hand it over at start. */
export class HandlerRegistry {
  private readonly calls = new Map<string, Handler>();
  private readonly groups = new Map<string, Group>();

  constructor(
    private readonly service: string,
    private readonly concurrency = 10,
  ) {}

  add(run: MessageHandler, extras: HandlerExtras): void {
    const { contract, options } = extras;
    const handler: Handler = {
      contract,
      options,
      name: `${extras.handlerClass.name}.${extras.method}`,
      run,
    };
    if (contract.kind === 'call' || contract.kind === 'command') this.refuseForeign(handler);
    const group = contract.kind === 'call' ? undefined : this.group(contract.kind, extras);
    refuseUnbounded(handler);
    if (options.batch !== undefined) this.makeRoom(handler, options.batch, group);
    const handlers = group?.handlers ?? this.calls;
    const other = handlers.get(contract.name);
    if (other)
      throw new HandlerError(
        `${contract.name} has two handlers, ${other.name} and ${handler.name}; keep one`,
      );
    handlers.set(contract.name, handler);
  }

  /** Whether something here handles it. */
  handles({ name }: Contract): boolean {
    const handlers = [this.calls, ...[...this.groups.values()].map((group) => group.handlers)];
    return handlers.some((known) => known.has(name) && !known.get(name)!.missing);
  }

  /**
   * Commands of this service without a handler: they are taken all the same, to be kept as dead
   * letters.
   */
  keepUnhandled(commands: readonly Contract[]): void {
    if (commands.length === 0) return;
    const { handlers } = this.groupOf({
      kind: 'command',
      name: this.service,
      from: 'beginning',
      live: false,
    });
    for (const contract of commands)
      handlers.set(contract.name, {
        contract,
        options: {},
        name: 'no handler',
        run: nobody,
        missing: true,
      });
  }

  handlerOfCall(name: string): Handler | undefined {
    return this.calls.get(name);
  }

  allCalls(): readonly Handler[] {
    return [...this.calls.values()];
  }

  subscriptions(kind?: Kind): readonly Subscription[] {
    return [...this.groups.values()].filter((group) => kind === undefined || group.kind === kind);
  }

  /**
   * How many messages of a subscription this instance handles at the same time from now on, until
   * it ends; what runs goes on. Says how many it were. Commands and broadcasts of a service go by
   * one name, and change together.
   */
  setConcurrency(name: string, concurrency: number): number {
    if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > MOST_AT_A_TIME) {
      throw new HandlerError(
        `${name}: ${concurrency} messages at a time cannot be; say a whole number from 1 to ${MOST_AT_A_TIME}`,
      );
    }
    const groups = [...this.groups.values()].filter((group) => group.name === name);
    const [first] = groups;
    if (!first)
      throw new NoSubscription(
        `${this.service} has no subscription ${name}; it has ${this.names().join(', ') || 'none'}`,
      );
    const before = first.concurrency;
    for (const group of groups) group.concurrency = concurrency;
    for (const changed of groups.flatMap(({ listeners }) => listeners)) changed();
    return before;
  }

  /** A batch needs as many messages in flight as it may hold. */
  private makeRoom(
    { name, contract, options }: Handler,
    batch: number,
    group: Group | undefined,
  ): void {
    const refuse = (why: string) =>
      new HandlerError(`${name} takes batches of ${contract.name}, ${why}`);
    if (!Number.isInteger(batch) || batch < 1 || batch > MOST_AT_A_TIME)
      throw refuse(`but of ${batch}; say a whole number from 1 to ${MOST_AT_A_TIME}`);
    if (!group || group.kind === 'broadcast' || group.live)
      throw refuse('but nothing acknowledges them together; handle one at a time');
    if (options.transaction === 'own')
      throw refuse(
        "but with transaction: 'own', and a batch has only one transaction; leave out one of the two",
      );
    group.concurrency = Math.max(group.concurrency, batch);
  }

  private names(): readonly string[] {
    return [...new Set([...this.groups.values()].map(({ name }) => name))];
  }

  private refuseForeign({ contract, name }: Handler): void {
    if (contract.owner === this.service) return;
    throw new HandlerError(
      `${name} handles ${contract.name}, but only its owner, ${contract.owner}, may; this is ${this.service}`,
    );
  }

  private group(kind: Subscription['kind'], extras: HandlerExtras) {
    const declared = Reflect.getMetadata(SUBSCRIPTION, extras.handlerClass) as
      { name: string; options: SubscriptionOptions } | undefined;
    if (kind === 'event' && !declared) {
      throw new HandlerError(
        `${extras.handlerClass.name} handles the event ${extras.contract.name}; name its subscription with @Subscription('…')`,
      );
    }
    if (kind === 'event' && declared!.name === OUTBOX) {
      throw new HandlerError(
        `${extras.handlerClass.name} is the subscription "${OUTBOX}", which is what dead letters of this service's own outbox are kept under; name it otherwise`,
      );
    }
    const name = kind === 'event' ? `${this.service}.${declared!.name}` : this.service;
    if (name.length > MAX_SUBSCRIPTION_CHARACTERS)
      throw new HandlerError(
        `the subscription "${name.slice(0, 50)}…" has ${name.length} characters; use at most ${MAX_SUBSCRIPTION_CHARACTERS}, its service included`,
      );
    const { from = 'beginning', live = false } = (kind === 'event' && declared?.options) || {};
    const group = this.groupOf({ kind, name, from, live });
    if (String(group.from) !== String(from) || group.live !== live) {
      throw new HandlerError(
        `${extras.handlerClass.name} declares the subscription ${name} in another way than the class before it; a subscription starts in one place`,
      );
    }
    return group;
  }

  private groupOf(named: Pick<Subscription, 'kind' | 'name' | 'from' | 'live'>): Group {
    const id = `${named.kind}:${named.name}`;
    const known = this.groups.get(id);
    if (known) return known;
    const listeners: (() => void)[] = [];
    const onConcurrency = (changed: () => void) => void listeners.push(changed);
    const group: Group = {
      ...named,
      concurrency: this.concurrency,
      handlers: new Map(),
      listeners,
      onConcurrency,
    };
    this.groups.set(id, group);
    return group;
  }
}

const nobody: MessageHandler = () => Promise.reject(new HandlerError('there is no handler'));

function refuseUnbounded({ name, options: { retry } }: Handler): void {
  const { unfinished } = retry ?? {};
  if (
    unfinished === undefined ||
    (Number.isInteger(unfinished) && unfinished >= 1 && unfinished <= MOST_UNFINISHED)
  )
    return;
  throw new HandlerError(
    `${name} may end its process ${unfinished} times by one message; say a whole number from 1 to ${MOST_UNFINISHED}`,
  );
}
