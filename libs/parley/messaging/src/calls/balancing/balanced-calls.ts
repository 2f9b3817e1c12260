import { contractsLoaded } from '@parley/contract';
import { DeadlineExceededError, startTimer } from '@parley/resilience';
import type { Clock } from '../../clock';
import {
  OwnerUnavailableError,
  ReplyLostError,
  type CallConnection,
  type CallResult,
  type InstanceState,
  type OutgoingCall,
  type StreamResult,
} from '../../ports/call-transport';
import type { CallTransportOptions } from '../../ports/transport';
import { AddressList, RESOLVE_PAUSE_MS, systemLookup, type Lookup } from './address-list';
import { readCallsUrl, type CallsUrl, type InstanceAddress } from './calls-url';
import type { Answer } from '../resilience/tried';
import { openedItems } from '../streams/opened-items';
import { Instance } from './instance';
import { InstancePool } from './instance-pool';
import { reachByTcp } from './reach';

/** Milliseconds that a call waits for new addresses when no instance that it knows is there. */
const PATIENCE_MS = 250;

export interface BalancedCallsOptions {
  /** Its schemes, without the colon: without TLS, and with it. */
  readonly schemes: readonly string[];
  readonly urlOf: CallTransportOptions['urlOf'];
  readonly clock: Clock;
  /** Reads the files of a URL, so that a mistake ends the start. */
  prepare?(url: CallsUrl): void;
  /** Opens nothing yet. */
  connect(instance: InstanceAddress, url: CallsUrl, owner: string): CallConnection;
  /** Default: by the operating system. */
  readonly lookup?: Lookup;
  /** Asks whether an instance accepts connections again. Default: by opening one. */
  reach?(instance: InstanceAddress, url: CallsUrl, owner: string): Promise<void>;
}

/**
 * Calls over the instances of each owner. An instance that fails or stops is left out and comes
 * back by itself; a request that was certainly not handled goes to the next one at once.
 */
export class BalancedCalls {
  private readonly owners = new Map<string, OwnerCalls>();

  /** @throws CallsUrlError or UnusableFileError for the URL of any owner that could be called */
  constructor(private readonly options: BalancedCallsOptions) {
    for (const { kind, owner } of contractsLoaded())
      if (kind === 'call') options.prepare?.(readCallsUrl(options.urlOf(owner), options.schemes));
  }

  /**
   * Sends a request to one instance, and to the next ones as long as it was certainly not handled:
   * to each at most once.
   * @throws OwnerUnavailableError when no instance could be reached, ReplyLostError,
   * DeadlineExceededError, or the signal's reason
   */
  call(request: OutgoingCall): Promise<CallResult> {
    return this.callsTo(request.contract.owner).ask(request, ({ connection }) =>
      connection.call(request),
    );
  }

  /** Opens a stream, as `call` sends a request: nothing is asked again after its first item. */
  protected open(request: OutgoingCall): Promise<StreamResult> {
    const calls = this.callsTo(request.contract.owner);
    return calls.ask(request, (instance) => calls.openAt(instance, request));
  }

  /** True when a service mesh balances and repeats the calls to an owner. */
  isMesh(owner: string): boolean {
    return this.callsTo(owner).url.balance === 'mesh';
  }

  /** The instances of the owners that were called so far. */
  instances(): readonly InstanceState[] {
    return [...this.owners].flatMap(([owner, { pool }]) =>
      pool.all().map(({ state }) => ({ ...state, owner })),
    );
  }

  async close(): Promise<void> {
    await Promise.all([...this.owners.values()].map((owner) => owner.close()));
    this.owners.clear();
  }

  private callsTo(owner: string): OwnerCalls {
    const { urlOf, schemes } = this.options;
    let calls = this.owners.get(owner);
    if (!calls) {
      calls = new OwnerCalls(owner, readCallsUrl(urlOf(owner), schemes), this.options);
      this.owners.set(owner, calls);
    }
    return calls;
  }
}

/** Sends a request to one instance. */
type SendTo<A extends Answer> = (instance: Instance) => Promise<A>;

/** The calls to one owner. */
class OwnerCalls {
  readonly pool: InstancePool;
  private readonly list: AddressList;

  constructor(
    owner: string,
    readonly url: CallsUrl,
    options: BalancedCallsOptions,
  ) {
    const { clock, lookup = systemLookup } = options;
    this.pool = new InstancePool(
      url.balance,
      (at) => new Instance(at, clock, () => options.connect(at, url, owner)),
      (at) => (options.reach ?? reachByTcp)(at, url, owner),
    );
    this.list = new AddressList(url, clock, lookup, (addresses) => this.pool.update(addresses));
  }

  async ask<A extends Answer>(request: OutgoingCall, send: SendTo<A>): Promise<A> {
    const resolving = this.list.refresh();
    if (resolving && this.pool.all().length === 0) await addressesFor(request, resolving);
    const asked = new Set<Instance>();
    const first = await this.askInTurn(request, send, asked);
    if (first && !(first instanceof OwnerUnavailableError)) return first;
    const resolvingAgain = this.list.refresh(RESOLVE_PAUSE_MS);
    if (resolvingAgain) await addressesFor(request, resolvingAgain, PATIENCE_MS);
    const later = (await this.askInTurn(request, send, asked)) ?? first ?? this.nobody(request);
    if (later instanceof OwnerUnavailableError) throw later;
    return later;
  }

  /** The instance has the stream under way until its end. */
  async openAt(instance: Instance, request: OutgoingCall): Promise<StreamResult> {
    const opened = await openedItems(instance.connection.stream!(request));
    if (!opened.ok) return opened;
    instance.started();
    void opened.items.ended.then((outcome) => {
      const error = 'error' in outcome ? outcome.error : undefined;
      const isLost = error instanceof ReplyLostError;
      if (isLost) instance.connectionLost();
      const isSick = 'fault' in outcome && outcome.fault && SICK.has(outcome.fault.code);
      if (isLost || isSick) this.count(instance, true);
      instance.ended();
    });
    return opened;
  }

  async close(): Promise<void> {
    await Promise.all(this.pool.all().map((instance) => instance.close()));
  }

  /**
   * Asks instances that were not asked before until one has the request. The error of the last one
   * when none has it; undefined when there is none.
   */
  private async askInTurn<A extends Answer>(
    request: OutgoingCall,
    send: SendTo<A>,
    asked: Set<Instance>,
  ): Promise<A | OwnerUnavailableError | undefined> {
    let failure: OwnerUnavailableError | undefined;
    for (;;) {
      const instance = this.pool.choose(asked, request.tried);
      if (!instance) return failure;
      asked.add(instance);
      const result = await this.askOne(instance, request, send);
      if (!(result instanceof OwnerUnavailableError)) return result;
      failure = result;
      void this.list.refresh(RESOLVE_PAUSE_MS);
    }
  }

  /** Returns the error after which the next instance may be asked, throws any other one. */
  private async askOne<A extends Answer>(
    instance: Instance,
    request: OutgoingCall,
    send: SendTo<A>,
  ): Promise<A | OwnerUnavailableError> {
    request.tried?.add(instance.address);
    const started = instance.started();
    try {
      const result = await send(instance);
      instance.answered(started);
      this.count(instance, !result.ok && SICK.has(result.fault.code));
      return result;
    } catch (error) {
      if (error instanceof OwnerUnavailableError) {
        instance.unreachable();
        return error;
      }
      if (error instanceof ReplyLostError) instance.connectionLost();
      if (error instanceof ReplyLostError || error instanceof DeadlineExceededError)
        this.count(instance, true);
      throw error;
    } finally {
      instance.ended();
    }
  }

  private count(instance: Instance, isFailure: boolean): void {
    instance.results.note(!isFailure);
    if (isFailure) this.pool.judge(instance);
  }

  private nobody({ contract }: OutgoingCall): OwnerUnavailableError {
    return new OwnerUnavailableError(contract, this.list.error?.message ?? 'it has no address yet');
  }
}

/** Faults that say that the instance is sick, not that the request was wrong. */
const SICK = new Set(['unhandled', 'unavailable', 'outcome-unknown', 'invalid-reply']);

/** Waits for addresses, within the deadline of the request and until it is cancelled. */
function addressesFor(
  { contract, deadline, signal }: OutgoingCall,
  found: Promise<void>,
  patience = Infinity,
): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const budget = deadline.budget();
    const settle = (how: () => void) => {
      stopTimer();
      signal?.removeEventListener('abort', cancel);
      how();
    };
    const cancel = () => settle(() => reject(signal?.reason));
    const stopTimer = startTimer(Math.min(patience, budget), () =>
      settle(() =>
        patience < budget ? resolve() : reject(new DeadlineExceededError(contract.name, budget)),
      ),
    );
    signal?.addEventListener('abort', cancel, { once: true });
    void found.then(() => settle(resolve));
  });
}
