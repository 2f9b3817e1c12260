import type { Line } from '@contracts/catalog';
import { ReleaseStock, ReserveStock } from '@contracts/inventory';
import type { Order } from '@contracts/orders';
import { ChargePayment, RefundPayment } from '@contracts/payments';
import { CancelShipment, ShipOrder } from '@contracts/shipping';
import type { Contract } from '@parley/contract';

export const SERVICES = [
  'orders',
  'catalog',
  'inventory',
  'payments',
  'shipping',
  'notifications',
  'insights',
] as const;
export type Service = (typeof SERVICES)[number];

/** There is one piece of it. */
export const SCARCE = 'POT-0001';

/** What the fulfilment saga asks others to do. */
export const ASKED = [
  ReserveStock,
  ChargePayment,
  ShipOrder,
  CancelShipment,
  RefundPayment,
  ReleaseStock,
] as const;

export interface Wish {
  readonly token?: string;
  readonly lines?: readonly Line[];
  readonly country?: string;
}

/**
 * The whole shop, and what can happen to it: in this process and in virtual time, or as processes
 * over whatever technology carries its messages.
 */
export interface Stage {
  place(wish?: Wish): Promise<string>;
  /**
   * As people see it, once its history has so many entries: what one owner tells may arrive after
   * the end. In the order in which it happened.
   */
  order(orderId: string, entries?: number): Promise<Order>;
  /** Lets time pass until every order has ended, and everybody knows. */
  finish(): Promise<void>;
  /** Nothing arrives at the payment provider, or again. */
  providerDown(down: boolean): Promise<void>;
  /** Lets time pass until payments has tried in vain to charge this order. */
  triedInVain(orderId: string): Promise<void>;
  /** How many charges the provider has captured for these orders. */
  captured(orderIds: readonly string[]): Promise<number>;
  /** It handles nothing, until it is `back`. */
  away(service: Service): Promise<void>;
  back(service: Service): Promise<void>;
  /** It ends in the middle of what it does, and starts again. */
  restart(service: Service): Promise<void>;
  /** Lets the time pass that an order may take. */
  patienceEnds(orderId: string): Promise<void>;
  /**
   * What the saga has asked for, of `ASKED` and in that order: resolves when `last` is among it.
   */
  askedUpTo(orderId: string, last: Contract): Promise<readonly string[]>;
  /** The money, the stock and the mails of all services add up. @throws what does not */
  expectToAddUp(): Promise<void>;
  close(): Promise<void>;
}
