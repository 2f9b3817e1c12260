import { checkDigit, pack, placeAt, refusalOf, SERVED, statusAt, trackingNumberOf } from './parcel';

const orderId = '018f7f0e-0000-7000-8000-000000000001';
const address = { line1: 'Am Markt 1', city: 'Jena', postcode: '07743', country: 'DE' };

describe('a shipment', () => {
  it('goes wherever the carrier does', () => {
    for (const country of SERVED)
      expect(refusalOf({ address: { ...address, country }, grams: 1 })).toBeUndefined();
  });

  it.each([
    [{ address: { ...address, country: 'US' }, grams: 1 }, 'we do not ship to US'],
    [
      { address: { ...address, postcode: '00000' }, grams: 1 },
      'there is no place with the postcode 00000',
    ],
    [{ address, grams: 10_000_001 }, 'a parcel of 10000001 g is too heavy'],
  ])('is refused with a reason', (order, reason) => expect(refusalOf(order)).toBe(reason));
});

describe('a parcel', () => {
  it('has the same numbers each time its order is packed, and others for another order', () => {
    const parcel = pack({ orderId, address });
    expect(parcel).toEqual(pack({ orderId, address }));
    expect(parcel.parcelId).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    const other = pack({ orderId: orderId.replace('1', '2'), address });
    expect(other.parcelId).not.toBe(parcel.parcelId);
    expect(other.trackingNumber).not.toBe(parcel.trackingNumber);
  });

  it('has a tracking number with a check digit that finds a mistyped one', () => {
    const number = trackingNumberOf(orderId);
    expect(number).toMatch(/^PL\d{12}$/);
    expect(checkDigit(number.slice(2, -1))).toBe(Number(number.at(-1)));
    expect(checkDigit('400638133393')).toBe(1); // a known EAN
  });

  it('passes two stops and is delivered by the scan after them', () => {
    expect([0, 1, 2].map((stop) => placeAt(stop, address))).toEqual([
      'Leipzig, sorting centre',
      'Jena (DE), depot',
      undefined,
    ]);
    expect([0, 1, 2].map(statusAt)).toEqual(['dispatched', 'dispatched', 'delivered']);
  });
});
