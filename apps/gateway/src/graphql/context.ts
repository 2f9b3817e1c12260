import { UNKNOWN_CALLER } from '../authentication';
import type { Caller } from '../callers';
import type { CustomerOrders } from '../customer-orders';
import type { OrderFeed } from '../order-feed';
import type { Prices } from '../prices';
import type { Messenger } from '@parley/messaging';
import { ProblemError } from '@parley/service';

/** The services that resolvers of one request use, and its caller. */
export interface EdgeContext {
  /** @throws ProblemError for a token that is not good */
  caller(): Promise<Caller>;
  readonly orders: CustomerOrders;
  readonly messenger: Pick<Messenger, 'call'>;
  readonly prices: Prices;
  readonly feed: OrderFeed;
  /** Aborted when the client closes its connection. */
  readonly signal: AbortSignal;
}

/** A caller that has orders. @throws ProblemError for a guest without the token of an order */
export async function callerWithOrders({ caller }: EdgeContext): Promise<Caller> {
  const known = await caller();
  if (known.kind === 'guest' && known.orderId === undefined) throw new ProblemError(UNKNOWN_CALLER);
  return known;
}
