import { randomUUID } from 'node:crypto';
import {
  CancelShipment,
  GetLabel,
  ParcelDelivered,
  ParcelDispatched,
  ParcelMoved,
  ShipmentCancelled,
  ShipmentRefused,
  ShipOrder,
} from '@contracts/shipping';
import { Harness } from '@parley/testing';
import { Pace, ParcelController } from './parcel.controller';
import { ParcelStore } from './parcel.store';
import { MemoryParcelStore } from './parcel.store.memory';

const address = { line1: 'Am Markt 1', city: 'Jena', postcode: '07743', country: 'DE' };

describe('the service shipping, told twice and out of order', () => {
  let harness: Harness;
  const order = (country = 'DE') => ({
    orderId: randomUUID(),
    recipient: 'Zoë',
    address: { ...address, country },
    lines: [{ sku: 'TEA-0042', quantity: 1 }],
    grams: 100,
  });

  beforeEach(async () => {
    harness = new Harness({ mischief: { seed: 3, duplicate: 0.5, reorder: true } });
    const providers = [
      { provide: ParcelStore, useValue: new MemoryParcelStore() },
      { provide: Pace, useValue: new Pace('2s') },
    ];
    await harness.start('shipping', { controllers: [ParcelController], providers });
    await harness.start('shipping', { controllers: [ParcelController], providers });
  });
  afterEach(() => harness.close());

  it('brings each parcel to its door, at its pace, by way of every stop once', async () => {
    const orders = Array.from({ length: 10 }, () => order());
    await Promise.all(orders.map((one) => harness.send(ShipOrder, one)));
    await harness.settled();
    expect(harness.sent(ParcelDispatched)).toHaveLength(10);
    await harness.advance('5s');
    expect(harness.sent(ParcelMoved)).toHaveLength(20);
    expect(harness.sent(ParcelDelivered)).toHaveLength(0);
    await harness.advance('2s');
    expect(
      harness
        .sent(ParcelDelivered)
        .map(({ orderId }) => orderId)
        .sort(),
    ).toEqual(orders.map(({ orderId }) => orderId).sort());
    expect(await harness.deadLetters()).toEqual([]);
  });

  it('hands out the label of a parcel, and says that there is none for one it refused', async () => {
    const [good, bad] = [order(), order('US')];
    await harness.send(ShipOrder, good);
    await harness.send(ShipOrder, bad);
    await harness.settled();
    expect(
      Buffer.from((await harness.call(GetLabel, good)).pdf, 'base64')
        .subarray(0, 5)
        .toString(),
    ).toBe('%PDF-');
    await expect(harness.call(GetLabel, bad)).rejects.toMatchObject({ code: 'no-label' });
    expect(harness.sent(ShipmentRefused)).toEqual([
      { orderId: bad.orderId, reason: 'we do not ship to US' },
    ]);
  });

  it('answers a cancellation that comes first, and ships nothing after it', async () => {
    const one = order();
    await harness.send(CancelShipment, one);
    await harness.send(ShipOrder, one);
    await harness.settled();
    expect(harness.sent(ShipmentCancelled)).toEqual([{ orderId: one.orderId }]);
    expect(harness.sent(ParcelDispatched)).toEqual([]);
  });
});
