import type { Address, ShipOrder } from '@contracts/shipping';
import { createHash } from 'node:crypto';

/** The state of an order's shipment. One per order. */
export interface Parcel {
  readonly orderId: string;
  readonly parcelId: string;
  readonly trackingNumber: string;
  readonly status: 'dispatched' | 'delivered' | 'refused' | 'cancelled';
  readonly city: string;
  readonly country: string;
  /** Stops it has passed. */
  readonly stops: number;
}

export type Destination = Pick<Address, 'city' | 'country'>;

/** Where the carrier goes: the countries it serves, by ISO 3166-1 alpha-2. */
export const SERVED: ReadonlySet<string> = new Set(
  'AT BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MC MT NL NO PL PT RO SE SI SK'.split(
    ' ',
  ),
);

/** The heaviest parcel the carrier takes, in grams. */
const HEAVIEST_GRAMS = 10_000_000;

/** Why an order cannot be shipped, as a customer should read it; undefined when it can. */
export function refusalOf({
  address,
  grams,
}: Pick<ShipOrder, 'address' | 'grams'>): string | undefined {
  if (!SERVED.has(address.country)) return `we do not ship to ${address.country}`;
  if (address.postcode === '00000')
    return `there is no place with the postcode ${address.postcode}`;
  return grams > HEAVIEST_GRAMS ? `a parcel of ${grams} g is too heavy` : undefined;
}

/** Numbers follow from the order, so that packing it again after a crash prints the same label. */
export function pack(
  { orderId, address }: Pick<ShipOrder, 'orderId' | 'address'>,
  status: Parcel['status'] = 'dispatched',
): Parcel {
  const { city, country } = address;
  return {
    orderId,
    parcelId: parcelIdOf(orderId),
    trackingNumber: trackingNumberOf(orderId),
    status,
    city,
    country,
    stops: 0,
  };
}

/** A UUID of version 8: our own kind of hash. */
function parcelIdOf(orderId: string): string {
  const hex = digest(`parcel:${orderId}`).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** `PL` and twelve digits, the last of them a check digit (modulo 10, weights 3 and 1). */
export function trackingNumberOf(orderId: string): string {
  const digits = String(digest(`tracking:${orderId}`).readBigUInt64BE() % 10n ** 11n).padStart(
    11,
    '0',
  );
  return `PL${digits}${checkDigit(digits)}`;
}

export function checkDigit(digits: string): number {
  const sum = [...digits]
    .reverse()
    .reduce((total, digit, position) => total + Number(digit) * (position % 2 === 0 ? 3 : 1), 0);
  return (10 - (sum % 10)) % 10;
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Stops on every parcel's way; the scan after the last one is at the customer's door. */
const WAY: readonly ((destination: Destination) => string)[] = [
  () => 'Leipzig, sorting centre',
  ({ city, country }) => `${city} (${country}), depot`,
];

/** Where a parcel is at a stop; undefined: at the customer's door. */
export const placeAt = (stop: number, destination: Destination): string | undefined =>
  WAY[stop]?.(destination);

/** A parcel's status once it has passed a stop. */
export const statusAt = (stop: number): Parcel['status'] =>
  stop < WAY.length ? 'dispatched' : 'delivered';
