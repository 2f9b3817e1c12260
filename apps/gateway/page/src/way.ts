/** The kinds of contracts, as libs/parley has them. */
export const KINDS = ['call', 'command', 'event', 'broadcast'] as const;
export type Kind = (typeof KINDS)[number];

/** A message, or a call, from one service to another. */
export interface Hop {
  readonly kind: Kind;
  readonly contract: string;
  readonly from: string;
  readonly to: string;
}

/** A line of an order's history, as the gateway tells it. */
export interface Entry {
  readonly number: number;
  readonly at: string;
  readonly what: string;
  readonly by: string;
}

/** A stage of an order: what a line of its history says of the messages. */
interface Stage {
  readonly says: RegExp;
  /** Messages that have arrived when the line is there. */
  readonly went: readonly Hop[];
  /** The message that the order now waits for, or for its answer. */
  readonly next?: Hop;
  /** Messages that follow by themselves: no order waits for them, and its history is silent. */
  readonly follow: readonly Hop[];
}

const hop = (kind: Kind, contract: string, from: string, to: string): Hop => ({
  kind,
  contract,
  from,
  to,
});
const call = (contract: string, from: string) => hop('call', contract, from, ownerOf(contract));
const command = (contract: string, from = 'orders') =>
  hop('command', contract, from, ownerOf(contract));
const event = (contract: string, to = 'orders') => hop('event', contract, ownerOf(contract), to);
const ownerOf = (contract: string): string => contract.split('.')[0]!;

/** Tells every gateway of a new line: how this page hears of it. */
const TOLD = hop('broadcast', 'orders.order-progressed', 'orders', 'gateway');

const stage = (
  says: RegExp,
  went: readonly Hop[],
  { next, follow = [] }: Partial<Pick<Stage, 'next' | 'follow'>> = {},
): Stage => ({ says, went: [...went, TOLD], next, follow });

const NOTIFIED = event('notifications.customer-notified', 'insights');

/**
 * Every stage, an earlier one before a later one. apps/shop-e2e/src/storefront.spec.ts compares it
 * with the messages of the real services.
 */
export const STAGES: readonly Stage[] = [
  stage(
    /^order placed$/,
    [call('orders.place-order', 'gateway'), call('catalog.quote-price', 'orders')],
    {
      next: command('inventory.reserve-stock'),
      follow: [event('orders.order-placed', 'insights')],
    },
  ),
  stage(
    /^stock reserved$/,
    [
      event('orders.order-placed'),
      command('inventory.reserve-stock'),
      event('inventory.stock-reserved'),
    ],
    { next: command('payments.charge-payment') },
  ),
  stage(
    /^payment of €\S+ captured$/,
    [command('payments.charge-payment'), event('payments.payment-captured')],
    { next: command('shipping.ship-order') },
  ),
  stage(
    /^parcel \S+ handed to the carrier$/,
    [command('shipping.ship-order'), event('shipping.parcel-dispatched')],
    {
      next: command('shipping.advance-parcel', 'shipping'),
      follow: [
        event('shipping.parcel-dispatched', 'inventory'),
        event('orders.order-shipped', 'notifications'),
        NOTIFIED,
      ],
    },
  ),
  stage(
    /^parcel seen in /,
    [command('shipping.advance-parcel', 'shipping'), event('shipping.parcel-moved')],
    { next: command('shipping.advance-parcel', 'shipping') },
  ),
  stage(
    /^order delivered$/,
    [
      command('shipping.advance-parcel', 'shipping'),
      event('shipping.parcel-delivered'),
      event('orders.order-delivered'),
    ],
    { follow: [event('orders.order-delivered', 'insights')] },
  ),
  stage(
    /^no stock of /,
    [
      event('orders.order-placed'),
      command('inventory.reserve-stock'),
      event('inventory.stock-rejected'),
    ],
    { next: event('orders.order-rejected') },
  ),
  stage(
    /^payment declined: /,
    [command('payments.charge-payment'), event('payments.payment-declined')],
    { next: command('inventory.release-stock') },
  ),
  stage(
    /^cannot be shipped: /,
    [command('shipping.ship-order'), event('shipping.shipment-refused')],
    { next: command('payments.refund-payment') },
  ),
  stage(
    /^shipment cancelled$/,
    [command('shipping.cancel-shipment'), event('shipping.shipment-cancelled')],
    { next: command('payments.refund-payment') },
  ),
  stage(
    /^(?:€\S+ refunded|nothing to refund)$/,
    [command('payments.refund-payment'), event('payments.payment-refunded')],
    { next: command('inventory.release-stock') },
  ),
  stage(
    /^stock released$/,
    [command('inventory.release-stock'), event('inventory.stock-released')],
    { next: event('orders.order-rejected') },
  ),
  stage(/^order rejected: /, [event('orders.order-rejected')], {
    follow: [
      event('orders.order-rejected', 'notifications'),
      event('orders.order-rejected', 'insights'),
      NOTIFIED,
    ],
  }),
];

/** The stage that a line of the history says; undefined for one that the table does not know. */
export const stageOf = ({ what }: Pick<Entry, 'what'>): Stage | undefined =>
  STAGES.find(({ says }) => says.test(what));

/** The messages of an order so far. */
export interface Way {
  /** In the order of the history. */
  readonly went: readonly { readonly hop: Hop; readonly entry: number }[];
  readonly next?: Hop;
  readonly follow: readonly Hop[];
}

/** What a history says of the messages. Lines of two services may be there in another order. */
export function wayOf(history: readonly Entry[]): Way {
  const known = history.flatMap((entry) => {
    const found = stageOf(entry);
    return found ? [{ entry, stage: found }] : [];
  });
  const latest = STAGES.findLast((one) => known.some(({ stage: seen }) => seen === one));
  return {
    went: known.flatMap(({ entry, stage: { went } }) =>
      went.map((one) => ({ hop: one, entry: entry.number })),
    ),
    next: latest?.next,
    follow: known.flatMap(({ stage: { follow } }) => follow),
  };
}
