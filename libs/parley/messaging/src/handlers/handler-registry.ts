import type { Contract, Kind } from '@parley/contract';
import { OUTBOX } from '../ports/outbox-subscription';
import type { MessageHandler } from '@nestjs/microservices';
import type {
  HandlerOptions,
  BatchOptions,
  SubscriptionOptions,
  Handler,
  RegisteredSubscription,
} from '../ports/subscription';

/** Metadata that `@Handles` leaves on a method for the registry. */
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

/** Two handlers where one is allowed, or none where one is needed: the service does not start. */
export class HandlerError extends Error {
  override readonly name = 'HandlerError';
}

/** The service has no subscription of this name. */
export class NoSubscriptionError extends Error {
  override readonly name = 'NoSubscriptionError';
}

/** Longest name, in characters: groups, positions and tables have keys made of it. */
const MAX_SUBSCRIPTION_CHARACTERS = 128;

/** Highest concurrency of a subscription: more than any process handles at the same time. */
const MAX_CONCURRENCY = 1_000;
/** With the deliveries before a message is a suspect these are 10 at most. */
const MAX_UNFINISHED = 8;

type Group = { -readonly [P in keyof RegisteredSubscription]: RegisteredSubscription[P] } & {
  readonly handlers: Map<string, Handler>;
  readonly listeners: (() => void)[];
};

/** The part of a registry that a consumer of stored messages uses. */
export type SubscriptionRegistry = Pick<HandlerRegistry, 'add' | 'subscriptions'>;

/** All handlers of the service, as Nest's strategies register them at start. */
export class HandlerRegistry {
  private readonly calls = new Map<string, Handler>();
  private readonly groups = new Map<string, Group>();

  constructor(
    readonly service: string,
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

  /** True when this service handles the contract. */
  handles({ name }: Contract): boolean {
    const handlers = [this.calls, ...[...this.groups.values()].map((group) => group.handlers)];
    return handlers.some((known) => known.has(name) && !known.get(name)!.missing);
  }

  /**
   * Commands of this service without a handler: they are consumed all the same, to be kept as dead
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

  subscriptions(kind?: Kind): readonly RegisteredSubscription[] {
    return [...this.groups.values()].filter((group) => kind === undefined || group.kind === kind);
  }

  /**
   * Sets how many messages of a subscription this instance handles at the same time, until the
   * process ends; running handlings go on. Returns the former number. Commands and broadcasts of a
   * service share one name, and change together.
   */
  setConcurrency(name: string, concurrency: number): number {
    if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > MAX_CONCURRENCY) {
      throw new HandlerError(
        `${name}: ${concurrency} messages at a time cannot be; give a whole number from 1 to ${MAX_CONCURRENCY}`,
      );
    }
    const groups = [...this.groups.values()].filter((group) => group.name === name);
    const [first] = groups;
    if (!first)
      throw new NoSubscriptionError(
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
    if (!Number.isInteger(batch) || batch < 1 || batch > MAX_CONCURRENCY)
      throw refuse(`but of ${batch}; say a whole number from 1 to ${MAX_CONCURRENCY}`);
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

  private group(kind: RegisteredSubscription['kind'], extras: HandlerExtras) {
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

  private groupOf(named: Pick<RegisteredSubscription, 'kind' | 'name' | 'from' | 'live'>): Group {
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
    (Number.isInteger(unfinished) && unfinished >= 1 && unfinished <= MAX_UNFINISHED)
  )
    return;
  throw new HandlerError(
    `${name} may end its process ${unfinished} times by one message; give a whole number from 1 to ${MAX_UNFINISHED}`,
  );
}
