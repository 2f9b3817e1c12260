import { createHash } from 'node:crypto';
import {
  type Account,
  type ExportedOrder,
  ExportOrders,
  GetOrder,
  ListOrders,
  PlaceOrder,
} from '@contracts/orders';
import { Injectable } from '@nestjs/common';
import { CallError, Messenger } from '@parley/messaging';
import { checked, problem, ProblemError } from '@parley/service';
import { UNKNOWN_CALLER } from './authentication';
import { type Caller, Callers, maySee } from './callers';
import { cursorAt } from './cursor';
import { NewOrder, OrderFilter, OrderId, type OrderView } from './edge.schema';
import type { GuestToken } from './guest-tokens';

/** An accepted order; a guest gets the token that opens it. */
export interface PlacedOrder {
  readonly orderId: string;
  readonly status: OrderView['status'];
  readonly guest?: GuestToken;
}

/** A signal that ends the call, beside the deadline of the request. */
type Waiting = Pick<NonNullable<Parameters<Messenger['call']>[2]>, 'signal'>;

/**
 * Places and shows orders, for REST and GraphQL alike. A customer sees those of the account, a guest
 * one; while authentication is off, every caller sees all of them.
 */
@Injectable()
export class CustomerOrders {
  constructor(
    private readonly messenger: Messenger,
    private readonly callers: Callers,
  ) {}

  /** @throws ProblemError naming the wrong fields; CallError with a code of PlaceOrder */
  async place(caller: Caller, key: string, body: unknown): Promise<PlacedOrder> {
    const order = checked(NewOrder, body);
    const request = { ...order, idempotencyKey: keyOf(caller, key), account: accountOf(caller) };
    try {
      const accepted = await this.messenger.call(PlaceOrder, request);
      const guest = await this.callers.guestTokenFor(caller, accepted.orderId);
      return guest === undefined ? accepted : { ...accepted, guest };
    } catch (error) {
      if (CallError.is(error, PlaceOrder, 'key-reused'))
        throw new CallError(PlaceOrder, 'key-reused', { idempotencyKey: key }); // as the customer knows it
      throw error;
    }
  }

  /** Answers "not found" for an order of another caller, too, so that no answer reveals an id. */
  async get(caller: Caller, id: string, waiting?: Waiting): Promise<OrderView> {
    const request = { orderId: checkedOrderId(id) };
    const { account: placedBy, ...order } = await this.messenger.call(GetOrder, request, waiting);
    if (!maySee(caller, { orderId: order.orderId, placedBy }))
      throw new ProblemError(NO_SUCH_ORDER);
    return order;
  }

  /** @throws ProblemError for a guest, and naming the wrong parts of the filter */
  async list(caller: Caller, filter: unknown, waiting?: Waiting) {
    if (caller.kind === 'guest') throw new ProblemError(UNKNOWN_CALLER);
    const request = { ...checked(OrderFilter, filter), account: accountOf(caller) };
    const { next, ...page } = await this.messenger.call(ListOrders, request, waiting);
    return { ...page, ...(next === undefined ? {} : { next: cursorAt(next) }) };
  }

  /**
   * All orders of the caller, oldest first, as fast as they are read.
   * @throws ProblemError for a guest
   */
  export(caller: Caller): AsyncIterableIterator<ExportedOrder> {
    if (caller.kind === 'guest') throw new ProblemError(UNKNOWN_CALLER);
    return this.messenger.stream(ExportOrders, { account: accountOf(caller) });
  }
}

const NO_SUCH_ORDER = problem(404, 'There is no such order');

/** A malformed order id is answered as an unknown one. @throws ProblemError */
export function checkedOrderId(id: string): string {
  const result = OrderId.safeParse(id);
  if (!result.success) throw new ProblemError(NO_SUCH_ORDER);
  return result.data;
}

const accountOf = (caller: Caller): Account | undefined =>
  caller.kind === 'customer' ? caller.account : undefined;

/**
 * The key of an account, for one operation: the same text of another account is another key. Guests
 * share theirs, which differ from those of accounts.
 */
function keyOf(caller: Caller, key: string): string {
  if (caller.kind === 'anybody') return key;
  return createHash('sha256')
    .update(JSON.stringify([accountOf(caller) ?? null, PlaceOrder.name, key]))
    .digest('base64url');
}
