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

/** Commands that the fulfilment saga sends. */
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
 * The whole shop, and faults that can happen to it: in this process and in virtual time, or as
 * processes over any technology.
 */
export interface Stage {
  place(wish?: Wish): Promise<string>;
  /**
   * The order's view, once its history has so many entries: events of another owner may arrive
   * after the end. The history is sorted by time.
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
  /** Ends the service in the middle of its work, and starts it again. */
  restart(service: Service): Promise<void>;
  /** Lets the time pass that an order may take. */
  patienceEnds(orderId: string): Promise<void>;
  /**
   * The commands that the saga has sent, of `ASKED` and in that order; resolves when `last` is
   * among them.
   */
  askedUpTo(orderId: string, last: Contract): Promise<readonly string[]>;
  /**
   * Checks that the money, the stock and the mails of all services add up.
   * @throws Error with the difference
   */
  expectToAddUp(): Promise<void>;
  close(): Promise<void>;
}
