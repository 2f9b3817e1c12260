import { randomUUID } from 'node:crypto';
import {
  AdvanceParcel,
  ParcelDelivered,
  ParcelDispatched,
  ParcelLocated,
  ParcelMoved,
  ShipmentCancelled,
  ShipmentRefused,
  type ShipOrder,
} from '@contracts/shipping';
import type { HandlerContext } from '@parley/messaging';
import { MemoryStore } from '@parley/memory';
import { HandlerTestKit } from '@parley/testing';
import { Pace, ParcelController } from './parcel.controller';
import { MemoryParcelStore } from './parcel.store.memory';

describe('shipping', () => {
  let trial: HandlerTestKit;
  let shipping: ParcelController;
  let order: ShipOrder;
  const ship = (circumstances = {}) =>
    trial.handle((context) => shipping.ship(order, context), circumstances);
  const cancel = () =>
    trial.transactions.run((tx) =>
      shipping.cancel({ orderId: order.orderId }, { tx } as HandlerContext),
    );
  const advance = (scan: AdvanceParcel, circumstances = {}) =>
    trial.handle((context) => shipping.advance(scan, context), circumstances);
  const scans = () => trial.sent.filter(({ contract }) => contract === AdvanceParcel.name);

  beforeEach(() => {
    trial = new HandlerTestKit('shipping', new MemoryStore());
    shipping = new ParcelController(
      new MemoryParcelStore() as never,
      trial.messenger,
      new Pace('400ms'),
    );
    order = {
      orderId: randomUUID(),
      recipient: 'Zoë Müller',
      address: { line1: 'Am Markt 1', city: 'Jena', postcode: '07743', country: 'DE' },
      lines: [{ sku: 'TEA-0042', quantity: 2 }],
      grams: 300,
    };
  });

  it('dispatches a parcel with a label and has it scanned later', async () => {
    await ship();
    const { orderId, lines } = order;
    expect(trial.messages(ParcelDispatched)).toEqual([
      {
        orderId,
        lines,
        parcelId: expect.any(String),
        trackingNumber: expect.stringMatching(/^PL\d{12}$/),
      },
    ]);
    expect(scans()).toEqual([
      {
        contract: AdvanceParcel.name,
        message: { orderId, parcelId: expect.any(String), stop: 0 },
        delay: 400,
      },
    ]);
    const { fileName, pdf } = await shipping.label({ orderId });
    expect(fileName).toBe(`label-${orderId}.pdf`);
    expect(Buffer.from(pdf, 'base64').subarray(0, 5).toString()).toBe('%PDF-');
  });

  it('dispatches once, and prints the same label, when it dies before the commit and when it is asked again', async () => {
    await expect(ship({ crash: true })).rejects.toThrow('before the commit');
    expect(trial.sent).toEqual([]);
    await expect(shipping.label({ orderId: order.orderId })).rejects.toMatchObject({
      code: 'no-label',
    });
    await ship({ attempt: 2 });
    await ship({ attempt: 3 });
    expect(trial.messages(ParcelDispatched)).toHaveLength(1);
  });

  it('walks a parcel past two stops to its door, telling each once', async () => {
    await ship();
    for (let next = 0; next < scans().length; next++) {
      const scan = scans()[next]!.message as AdvanceParcel;
      await expect(advance(scan, { crash: true })).rejects.toThrow('before the commit');
      await advance(scan);
      await advance(scan);
    }
    const places = ['Leipzig, sorting centre', 'Jena (DE), depot'];
    expect(trial.messages(ParcelMoved).map((moved) => (moved as ParcelMoved).place)).toEqual(
      places,
    );
    expect(
      trial.messages(ParcelLocated).map((located) => (located as ParcelLocated).place),
    ).toEqual(places);
    expect(trial.messages(ParcelDelivered)).toHaveLength(1);
  });

  it('refuses an address it cannot ship to, once', async () => {
    order = { ...order, address: { ...order.address, country: 'US' } };
    await ship();
    await ship();
    expect(trial.sent).toEqual([
      {
        contract: ShipmentRefused.name,
        message: { orderId: order.orderId, reason: 'we do not ship to US' },
      },
    ]);
  });

  it('ships nothing after the shipment was cancelled, and says only that it was', async () => {
    await cancel();
    await ship();
    expect(trial.sent).toEqual([
      { contract: ShipmentCancelled.name, message: { orderId: order.orderId } },
    ]);
  });

  it('has no answer to the cancellation of a parcel that has left', async () => {
    await ship();
    await cancel();
    expect(trial.messages(ShipmentCancelled)).toEqual([]);
  });
});
