import { Line } from '@contracts/catalog';
import { broadcast, call, command, event, text, type Message } from '@parley/contract';
import { z } from 'zod';

export const Address = z.object({
  line1: text(200),
  city: text(100),
  postcode: text(20),
  /** ISO 3166-1 alpha-2. */
  country: z.string().regex(/^[A-Z]{2}$/, 'is not a country code of two capital letters'),
});
export type Address = z.infer<typeof Address>;
/** The address in place of an erased person's. */
export const ERASED_ADDRESS: Address = {
  line1: 'erased',
  city: 'erased',
  postcode: 'erased',
  country: 'XX',
};

/**
 * Packs, prints the label and hands the parcel to the carrier. Answered by ParcelDispatched or
 * ShipmentRefused.
 */
export const ShipOrder = command(
  'shipping.ship-order',
  z.object({
    orderId: z.uuid(),
    recipient: z.string(),
    address: Address,
    lines: z.array(Line),
    grams: z.int().positive(),
  }),
  {
    key: 'orderId',
    version: 2,
    personal: { subject: 'orderId', fields: { recipient: 'erased', address: ERASED_ADDRESS } },
  },
);
export type ShipOrder = Message<typeof ShipOrder>;

/**
 * Stops a shipment that has not left yet; answered by ShipmentCancelled. One that has left cannot
 * be stopped: no answer.
 */
export const CancelShipment = command('shipping.cancel-shipment', z.object({ orderId: z.uuid() }), {
  key: 'orderId',
});
export type CancelShipment = Message<typeof CancelShipment>;

/** Shipping's note to itself: the carrier scanned the parcel at its next stop. */
export const AdvanceParcel = command(
  'shipping.advance-parcel',
  z.object({ orderId: z.uuid(), parcelId: z.uuid(), stop: z.int().nonnegative() }),
  { key: 'orderId' },
);
export type AdvanceParcel = Message<typeof AdvanceParcel>;

export const ParcelDispatched = event(
  'shipping.parcel-dispatched',
  z.object({
    orderId: z.uuid(),
    parcelId: z.uuid(),
    trackingNumber: z.string(),
    lines: z.array(Line),
  }),
  { key: 'orderId' },
);
export type ParcelDispatched = Message<typeof ParcelDispatched>;

export const ShipmentRefused = event(
  'shipping.shipment-refused',
  z.object({ orderId: z.uuid(), reason: z.string() }),
  { key: 'orderId' },
);
export type ShipmentRefused = Message<typeof ShipmentRefused>;

export const ShipmentCancelled = event(
  'shipping.shipment-cancelled',
  z.object({ orderId: z.uuid() }),
  { key: 'orderId' },
);
export type ShipmentCancelled = Message<typeof ShipmentCancelled>;

export const ParcelMoved = event(
  'shipping.parcel-moved',
  z.object({ orderId: z.uuid(), parcelId: z.uuid(), place: z.string() }),
  { key: 'orderId' },
);
export type ParcelMoved = Message<typeof ParcelMoved>;

export const ParcelDelivered = event(
  'shipping.parcel-delivered',
  z.object({ orderId: z.uuid(), parcelId: z.uuid() }),
  { key: 'orderId' },
);
export type ParcelDelivered = Message<typeof ParcelDelivered>;

/** The position of a parcel, for maps that show it right now. */
export const ParcelLocated = broadcast(
  'shipping.parcel-located',
  z.object({ orderId: z.uuid(), parcelId: z.uuid(), place: z.string(), at: z.iso.datetime() }),
);
export type ParcelLocated = Message<typeof ParcelLocated>;

export const GetLabel = call('shipping.get-label', {
  request: z.object({ orderId: z.uuid() }),
  reply: z.object({ fileName: z.string(), pdf: z.base64() }),
  errors: { 'no-label': z.object({ orderId: z.uuid() }) },
  deadline: '2s',
  idempotent: true,
});
export type GetLabel = Message<typeof GetLabel>;
