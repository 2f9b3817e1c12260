import type { Account, Customer, OrderAccepted } from '@contracts/orders';
import type { Quote } from '@contracts/catalog';
import { Command } from '@nestjs/cqrs';

/** Local commands: run by @nestjs/cqrs in the transaction that is open, or in one of their own. */
export class TakeOrder extends Command<OrderAccepted> {
  constructor(
    readonly idempotencyKey: string,
    readonly fingerprint: string,
    readonly customer: Customer,
    readonly quote: Quote,
    readonly token: string,
    readonly account: Account | undefined,
  ) {
    super();
  }
}

export class RecordShipment extends Command<void> {
  constructor(
    readonly orderId: string,
    readonly trackingNumber: string,
  ) {
    super();
  }
}

export class CompleteOrder extends Command<void> {
  constructor(readonly orderId: string) {
    super();
  }
}

export class RejectOrder extends Command<void> {
  constructor(
    readonly orderId: string,
    readonly reason: string,
  ) {
    super();
  }
}
