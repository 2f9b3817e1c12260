import { createHash } from 'node:crypto';
import { type Account, GetOrder, ListOrders, PlaceOrder } from '@contracts/orders';
import { Injectable } from '@nestjs/common';
import { CallError, Messenger } from '@parley/messaging';
import { checked, problem, ProblemError } from '@parley/service';
import { cursorAt } from './cursor';
import { NewOrder, OrderFilter, OrderId, type OrderView } from './edge.schema';

/**
 * Orders as a customer places and sees them, for REST and GraphQL alike. Without an account
 * (authentication is off) everybody sees all orders.
 */
@Injectable()
export class CustomerOrders {
  constructor(private readonly messenger: Messenger) {}

  /** @throws ProblemError naming the wrong fields; CallError with a code of PlaceOrder */
  async place(
    account: Account | undefined,
    key: string,
    body: unknown,
  ): Promise<{ orderId: string; status: OrderView['status'] }> {
    const order = checked(NewOrder, body);
    const idempotencyKey = keyOf(account, PlaceOrder.name, key);
    try {
      return await this.messenger.call(PlaceOrder, { ...order, idempotencyKey, account });
    } catch (error) {
      if (CallError.is(error, PlaceOrder, 'key-reused'))
        throw new CallError(PlaceOrder, 'key-reused', { idempotencyKey: key }); // as the customer knows it
      throw error;
    }
  }

  /** Answers "not found" for another account's order, too: which ids exist is not revealed. */
  async get(account: Account | undefined, id: string): Promise<OrderView> {
    const request = { orderId: checkedOrderId(id) };
    const { account: placedBy, ...order } = await this.messenger.call(GetOrder, request);
    if (account !== undefined && account !== placedBy) throw new ProblemError(NO_SUCH_ORDER);
    return order;
  }

  /** @throws ProblemError naming the wrong parts of the filter */
  async list(account: Account | undefined, filter: unknown) {
    const request = { ...checked(OrderFilter, filter), account };
    const { next, ...page } = await this.messenger.call(ListOrders, request);
    return { ...page, ...(next === undefined ? {} : { next: cursorAt(next) }) };
  }
}

const NO_SUCH_ORDER = problem(404, 'There is no such order');

/** A malformed order id is answered as an unknown one. @throws ProblemError */
export function checkedOrderId(id: string): string {
  const result = OrderId.safeParse(id);
  if (!result.success) throw new ProblemError(NO_SUCH_ORDER);
  return result.data;
}

/** A key is one account's, for one operation: others that choose the same text have another key. */
function keyOf(account: Account | undefined, operation: string, key: string): string {
  return account === undefined
    ? key
    : createHash('sha256')
        .update(JSON.stringify([account, operation, key]))
        .digest('base64url');
}
