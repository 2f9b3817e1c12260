import { useSyncExternalStore } from 'react';

/** An order of this tab. */
export interface KeptOrder {
  readonly orderId: string;
  /** A bearer token that opens this order, where the shop asks for one. */
  readonly token?: string;
  readonly scenario: string;
  readonly placedAt: string;
}

/** A request whose answer was not seen: sent again under the same key it is the same order. */
export interface Unanswered {
  readonly key: string;
  readonly body: string;
  readonly scenario: string;
}

/** What a reload must not lose. */
export interface Kept {
  /** Pieces of each product. */
  readonly basket: Readonly<Record<string, number>>;
  readonly scenario: string;
  readonly name: string;
  readonly email: string;
  /** Newest first. */
  readonly orders: readonly KeptOrder[];
  /** The order that is followed. */
  readonly followed?: string;
  readonly unanswered?: Unanswered;
}

const PLACE = 'parley-storefront';
const MOST_ORDERS = 20;
const EMPTY: Kept = {
  basket: { 'CHO-0001': 2, 'CHO-0005': 1 },
  scenario: 'fine',
  name: 'Ada Byron',
  email: 'ada@example.org',
  orders: [],
};

let kept = read();
const listeners = new Set<() => void>();

/** Kept in the tab: a reload finds it again, another tab or a later visitor does not. */
export function keep(change: Partial<Kept>): void {
  kept = { ...kept, ...change };
  try {
    sessionStorage.setItem(PLACE, JSON.stringify(kept));
  } catch {
    // Refused by the browser's settings: it lasts until the reload.
  }
  for (const listener of listeners) listener();
}

export const keepOrder = (order: KeptOrder): void =>
  keep({
    orders: [order, ...kept.orders.filter(({ orderId }) => orderId !== order.orderId)].slice(
      0,
      MOST_ORDERS,
    ),
    followed: order.orderId,
    unanswered: undefined,
  });

export const useKept = (): Kept => useSyncExternalStore(subscribe, () => kept);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function read(): Kept {
  try {
    return { ...EMPTY, ...(JSON.parse(sessionStorage.getItem(PLACE) ?? '{}') as Partial<Kept>) };
  } catch {
    return EMPTY;
  }
}
