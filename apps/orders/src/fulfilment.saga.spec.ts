import {
  ReleaseStock,
  ReserveStock,
  StockRejected,
  StockReleased,
  StockReserved,
} from '@contracts/inventory';
import { OrderPlaced } from '@contracts/orders';
import {
  ChargePayment,
  PaymentCaptured,
  PaymentDeclined,
  PaymentRefunded,
  RefundPayment,
} from '@contracts/payments';
import {
  CancelShipment,
  ParcelDelivered,
  ParcelDispatched,
  ShipmentCancelled,
  ShipmentRefused,
  ShipOrder,
} from '@contracts/shipping';
import type { Message } from '@parley/contract';
import type { Outgoing } from '@parley/sagas';
import { fulfilment } from './fulfilment.saga';

const orderId = 'b3f1c9de-8d4a-4e2e-9a57-3c1f6b0f5a11';
const placed: Message<typeof OrderPlaced> = {
  orderId,
  customer: {
    name: 'Ada',
    email: 'ada@example.org',
    address: { line1: '1 Mill Lane', city: 'Bath', postcode: 'BA1', country: 'GB' },
  },
  lines: [{ sku: 'TEA-0001', quantity: 2, name: 'Assam', price: 450, grams: 120 }],
  total: 900,
  payment: { token: 'tok_ok' },
};
const dispatched = { orderId, parcelId: orderId, trackingNumber: 'PX1', lines: [] };
const start = () => fulfilment('15m').given().when(OrderPlaced, placed);
const charging = () => start().when(StockReserved, { orderId });
const shipping = () => charging().when(PaymentCaptured, { orderId, amount: 900, reference: 'r' });

const said = ({ out }: { readonly out: readonly Outgoing[] }) =>
  out.map((one) => (one.verb === 'execute' ? one.command.constructor.name : one.contract.name));

describe('fulfilment', () => {
  it('reserves, charges, ships, and ends with the delivery', () => {
    expect(said(start())).toEqual([ReserveStock.name]);
    expect(said(charging())).toEqual([ChargePayment.name]);
    expect(said(shipping())).toEqual([ShipOrder.name]);
    const sent = shipping().when(ParcelDispatched, dispatched);
    expect(said(sent)).toEqual(['RecordShipment']);
    const delivered = sent.when(ParcelDelivered, { orderId, parcelId: orderId });
    expect(said(delivered)).toEqual(['CompleteOrder']);
    expect(delivered.done).toBe(true);
  });

  it('weighs all pieces for the parcel', () => {
    expect(shipping().out[0]).toMatchObject({
      message: { grams: 240, lines: [{ sku: 'TEA-0001', quantity: 2 }] },
    });
  });

  it('rejects at once what is out of stock, for nothing was done yet', () => {
    const rejected = start().when(StockRejected, { orderId, sku: 'TEA-0001', reason: '0 left' });
    expect(said(rejected)).toEqual(['RejectOrder']);
    expect(rejected.done).toBe(true);
  });

  it('releases the stock of a declined payment before it rejects', () => {
    const declined = charging().when(PaymentDeclined, { orderId, reason: 'limit' });
    expect(said(declined)).toEqual([ReleaseStock.name]);
    expect(declined.done).toBe(false);
    expect(said(declined.when(StockReleased, { orderId }))).toEqual(['RejectOrder']);
  });

  it('undoes in reverse order what cannot be shipped: refund, then release, then reject', () => {
    const refused = shipping().when(ShipmentRefused, { orderId, reason: 'no carrier' });
    expect(said(refused)).toEqual([RefundPayment.name]);
    const refunded = refused.when(PaymentRefunded, { orderId, amount: 900 });
    expect(said(refunded)).toEqual([ReleaseStock.name]);
    expect(refunded.when(StockReleased, { orderId })).toMatchObject({
      done: true,
      state: { reason: 'no carrier' },
    });
  });

  it('gives up a reservation that nobody answers', () => {
    expect(said(start().whenTimeout())).toEqual([ReleaseStock.name]);
  });

  it('refunds what may have been captured when the payment takes too long, and ignores the late capture', () => {
    const overdue = charging().whenTimeout();
    expect(said(overdue)).toEqual([RefundPayment.name]);
    expect(said(overdue.when(PaymentCaptured, { orderId, amount: 900, reference: 'r' }))).toEqual(
      [],
    );
    expect(said(overdue.when(PaymentRefunded, { orderId, amount: 900 }))).toEqual([
      ReleaseStock.name,
    ]);
  });

  it('undoes without waiting for the dead letter of what it undoes', () => {
    for (const { out } of [start(), charging(), shipping()].map((saga) => saga.whenTimeout()))
      expect(out).toMatchObject([{ verb: 'send', options: { passDeadLetters: true } }]);
  });

  it('stops an overdue shipment, and lets a parcel go that has left already', () => {
    const cancelling = shipping().whenTimeout();
    expect(said(cancelling)).toEqual([CancelShipment.name]);
    expect(said(cancelling.when(ShipmentCancelled, { orderId }))).toEqual([RefundPayment.name]);
    const left = cancelling.when(ParcelDispatched, dispatched);
    expect(said(left)).toEqual(['RecordShipment']);
    expect(said(left.when(ParcelDelivered, { orderId, parcelId: orderId }))).toEqual([
      'CompleteOrder',
    ]);
  });

  it('takes an answer once', () => {
    expect(said(charging().when(StockReserved, { orderId }))).toEqual([]);
  });
});
