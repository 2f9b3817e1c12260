import { QuotePrice } from '@contracts/catalog';
import {
  type ExportedOrder,
  ExportOrders,
  GetOrder,
  ListOrders,
  PlaceOrder,
} from '@contracts/orders';
import { Controller } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { CallError, Handles, Messenger } from '@parley/messaging';
import { cursorOf, fingerprintOf } from './order';
import { TakeOrder } from './order.commands';
import { FindOrder, ListOrderPage } from './order.queries';
import { OrderStore } from './order.store';

/** Orders that are read from the database at once. */
const EXPORTED_AT_ONCE = 100;

@Controller()
export class OrdersController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly orders: OrderStore,
    private readonly messenger: Messenger,
  ) {}

  @Handles(PlaceOrder)
  async place(request: PlaceOrder) {
    const { idempotencyKey, customer, lines, payment, account } = request;
    const fingerprint = fingerprintOf(request);
    const known = await this.orders.byKey(idempotencyKey);
    // A repeated request is answered as before, also when prices have changed meanwhile.
    const quote = known ? { lines: [...known.lines], total: known.total } : await this.quote(lines);
    return this.commands.execute(
      new TakeOrder(idempotencyKey, fingerprint, customer, quote, payment.token, account),
    );
  }

  @Handles(GetOrder)
  async get({ orderId }: GetOrder) {
    const order = await this.queries.execute(new FindOrder(orderId));
    if (!order) throw new CallError(GetOrder, 'unknown-order', { orderId });
    return order;
  }

  @Handles(ListOrders)
  list(filter: ListOrders) {
    return this.queries.execute(new ListOrderPage(filter));
  }

  /** A page of them is in memory, and none while a slow reader is waited for longer. */
  @Handles(ExportOrders)
  async *export({ account }: ExportOrders): AsyncGenerator<ExportedOrder> {
    let after: string | undefined;
    for (;;) {
      const page = await this.orders.exported(account, EXPORTED_AT_ONCE, after);
      yield* page;
      if (page.length < EXPORTED_AT_ONCE) return;
      after = cursorOf(page.at(-1)!);
    }
  }

  private async quote(lines: PlaceOrder['lines']) {
    try {
      return await this.messenger.call(QuotePrice, { lines });
    } catch (error) {
      if (CallError.is(error, QuotePrice, 'unknown-sku'))
        throw new CallError(PlaceOrder, 'unknown-sku', error.details);
      if (CallError.is(error, QuotePrice, 'too-much'))
        throw new CallError(PlaceOrder, 'too-much', error.details);
      throw error;
    }
  }
}
