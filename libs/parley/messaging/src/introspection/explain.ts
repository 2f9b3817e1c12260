import { type Call, type Contract, type Kind } from '@parley/contract';
import type { Handler, RegisteredSubscription } from '../ports/subscription';
import { timeoutOf } from '../delivery/pipeline';
import { type RetryPolicy, retryPolicy } from '../delivery/retry-policy';
import { unfinishedAtMost } from '../delivery/suspects';
import type { Hop } from '../ports/diagnostics';
import type { Transport } from '../ports/transport';

/** How a service carries one kind of contract. */
export interface RouteInfo {
  readonly technology: string;
  /** Without credentials. */
  readonly address: string;
}

/**
 * The route of a contract's messages: the places that they pass on their way to their handlers, and
 * why.
 */
export interface RouteExplanation extends RouteInfo {
  /** Bytes of the largest body that travels in its message; undefined when there is no limit. */
  readonly largest?: number;
  readonly hops: readonly Hop[];
}

/** How a handler is run. */
export interface HandlerInfo {
  readonly contract: string;
  readonly kind: Kind;
  readonly version: number;
  /** `StockController.reserve` */
  readonly handler: string;
  readonly subscription?: string;
  readonly key?: string;
  /** Milliseconds. */
  readonly timeout?: number;
  readonly deadline?: number;
  readonly idempotent?: boolean;
  /** The services whose calls are answered; undefined: all. */
  readonly callers?: readonly string[];
  readonly concurrency?: number;
  /** Messages handled together. */
  readonly batch?: number;
  readonly transaction?: 'handler' | 'own' | 'none';
  /**
   * Tries at once after each delivery, milliseconds until each further delivery, and deliveries
   * that may end without an outcome; then the message is a dead letter.
   */
  readonly retry?: RetryPolicy & { readonly unfinished: number };
  readonly from?: string;
  readonly live?: boolean;
}

export function handlerInfo(handler: Handler, subscription?: RegisteredSubscription): HandlerInfo {
  const { contract, options, name } = handler;
  const { kind, version, key } = contract;
  const about = {
    contract: contract.name,
    kind,
    version,
    handler: name,
    ...(key !== undefined && { key }),
  };
  if (!subscription) return { ...about, ...callPolicy(contract) };
  const { concurrency, from, live } = subscription;
  const where = {
    subscription: subscription.name,
    concurrency,
    ...(kind === 'event' && { from: from instanceof Date ? from.toISOString() : from, live }),
  };
  if (kind === 'broadcast' || live) return { ...about, ...where };
  const transaction = options.transaction ?? 'handler';
  const batch = options.batch === undefined ? {} : { batch: options.batch };
  return {
    ...about,
    ...where,
    ...batch,
    timeout: timeoutOf(handler),
    transaction,
    retry: { ...retryPolicy(options), unfinished: unfinishedAtMost(options) },
  };
}

/** The first place a message passes: the transaction, the outbox or the technology itself. */
export function sayingHop(
  kind: Kind,
  technology: string,
  how: { readonly local: boolean; readonly stored: boolean },
): Hop {
  if (kind === 'call')
    return {
      what: 'call',
      name: technology,
      why: 'the caller waits: for the reply, an error of the contract, or the deadline',
    };
  if (how.local && kind !== 'broadcast') {
    return {
      what: 'transaction',
      name: `the sender's database`,
      why: `it is also what carries ${kind}s: the transaction that says it stores it; nothing to relay`,
    };
  }
  if (how.stored)
    return {
      what: 'outbox',
      name: 'parley.outbox',
      why: `stored with the transaction that says it, relayed after its commit, removed when ${technology} has confirmed it; outside a transaction it is said straight away`,
    };
  return {
    what: 'publisher',
    name: technology,
    why: 'this service has no store: said straight away, resolved by the confirm',
  };
}

/** A URL without credentials, as it may be printed. */
export const withoutCredentials = (url: string): string =>
  url.replace(/\/\/[^/@]*@/, '//').replace(/\?.*$/, '');

export const infoOf = ({ technology, address }: Transport): RouteInfo => ({
  technology,
  address: withoutCredentials(address),
});

function callPolicy(contract: Contract): Pick<HandlerInfo, 'deadline' | 'idempotent'> {
  const { deadline, idempotent } = contract as Call;
  return { deadline, idempotent };
}
