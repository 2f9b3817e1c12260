import { randomUUID } from 'node:crypto';
import { ChangePrice } from '@contracts/catalog';
import {
  ReleaseStock,
  ReserveStock,
  StockRejected,
  StockReleased,
  StockReserved,
} from '@contracts/inventory';
import {
  GetOrder,
  ListOrders,
  OrderDelivered,
  OrderPlaced,
  OrderProgressed,
  OrderRejected,
  OrderShipped,
  PlaceOrder,
} from '@contracts/orders';
import {
  ChargePayment,
  PaymentCaptured,
  PaymentDeclined,
  PaymentRefunded,
  RefundPayment,
} from '@contracts/payments';
import { ParcelDelivered, ParcelDispatched, ShipOrder } from '@contracts/shipping';
import { Controller } from '@nestjs/common';
import { Handles, Messenger, UnrecoverableError } from '@parley/messaging';
import { Harness } from '@parley/testing';
import { startCatalog } from '../../catalog/src/catalog.fixture';
import { MemoryOrderStore } from './order.store.memory';
import { startOrders } from './orders.fixture';

const customer = {
  name: 'Ada',
  email: 'ada@example.org',
  address: { line1: '1 Mill Lane', city: 'Bath', postcode: 'BA1', country: 'GB' },
};
const anOrder = (change: Partial<PlaceOrder> = {}): PlaceOrder => ({
  idempotencyKey: randomUUID(),
  customer,
  lines: [{ sku: 'TEA-0001', quantity: 2 }],
  payment: { token: 'tok_ok' },
  ...change,
});

describe('the service orders, two instances, told twice and out of order', () => {
  let harness: Harness;
  const place = (request = anOrder()) => harness.call(PlaceOrder, request);
  const placed = async (request = anOrder()) => {
    const { orderId } = await place(request);
    await harness.settled();
    return orderId;
  };
  const reached = async (orderId: string) => (await harness.call(GetOrder, { orderId })).status;

  beforeEach(async () => {
    harness = new Harness({ mischief: { seed: 5, duplicate: 0.5, reorder: true } });
    await startCatalog(harness);
    const store = new MemoryOrderStore();
    await startOrders(harness, store);
    await startOrders(harness, store);
  });
  afterEach(() => harness.close());

  describe('placing an order', () => {
    it('agrees the price, and says that the order was placed, once', async () => {
      const orderId = await placed();
      expect(harness.sent(OrderPlaced)).toEqual([
        {
          orderId,
          customer,
          lines: [
            { sku: 'TEA-0001', quantity: 2, name: 'Assam Mokalbari', price: 690, grams: 140 },
          ],
          total: 1380,
          payment: { token: 'tok_ok' },
        },
      ]);
      expect(harness.sent(ReserveStock)).toEqual([
        { orderId, lines: [{ sku: 'TEA-0001', quantity: 2 }] },
      ]);
    });

    it('takes the same key with the same order as the same order, also when the price has changed', async () => {
      const request = anOrder();
      const first = await place(request);
      await harness.call(ChangePrice, { sku: 'TEA-0001', price: 1 });
      expect(await place(request)).toEqual(first);
      await harness.settled();
      expect(harness.sent(OrderPlaced)).toHaveLength(1);
      expect(await harness.call(GetOrder, { orderId: first.orderId })).toMatchObject({
        total: 1380,
      });
    });

    it('takes one order when the same request comes to both instances at the same time', async () => {
      const request = anOrder();
      const answers = await Promise.all(Array.from({ length: 10 }, () => place(request)));
      await harness.settled();
      expect(new Set(answers.map(({ orderId }) => orderId)).size).toBe(1);
      expect(harness.sent(OrderPlaced)).toHaveLength(1);
    });

    it.each([
      ['another quantity', { lines: [{ sku: 'TEA-0001', quantity: 3 }] }],
      ['another card', { payment: { token: 'tok_slow' } }],
      ['another customer', { customer: { ...customer, name: 'Grace' } }],
      ['a product that nobody sells', { lines: [{ sku: 'TEA-9999', quantity: 1 }] }],
      ['another account', { account: 'eve' }],
    ])('refuses a used key with %s', async (_what, change) => {
      const request = anOrder();
      await place(request);
      await expect(place({ ...request, ...change })).rejects.toMatchObject({
        code: 'key-reused',
        details: { idempotencyKey: request.idempotencyKey },
      });
      await harness.settled();
      expect(harness.sent(OrderPlaced)).toHaveLength(1);
    });

    it('keeps whose the order is, and tells nobody but who asks for it', async () => {
      const mine = await placed(anOrder({ account: 'ada' }));
      const nobodys = await placed();
      expect(await harness.call(GetOrder, { orderId: mine })).toMatchObject({ account: 'ada' });
      expect(await harness.call(GetOrder, { orderId: nobodys })).not.toHaveProperty('account');
      expect(
        (await harness.call(ListOrders, { limit: 50, account: 'ada' })).orders.map(
          ({ orderId }) => orderId,
        ),
      ).toEqual([mine]);
      expect(
        JSON.stringify([harness.sent(OrderPlaced), harness.sent(OrderProgressed)]),
      ).not.toContain('"account"');
    });

    it('names the line that nobody sells, keeps nothing, and leaves the key free', async () => {
      const request = anOrder({
        lines: [
          { sku: 'TEA-0001', quantity: 1 },
          { sku: 'TEA-9999', quantity: 1 },
        ],
      });
      await expect(place(request)).rejects.toMatchObject({
        code: 'unknown-sku',
        details: { sku: 'TEA-9999', line: 1 },
      });
      await harness.settled();
      expect(harness.sent(OrderPlaced)).toEqual([]);
      await place(anOrder({ idempotencyKey: request.idempotencyKey }));
    });

    it('refuses an order that is worth more than can be paid', async () => {
      await harness.call(ChangePrice, { sku: 'TEA-0001', price: 100_000_000 });
      await expect(place()).rejects.toMatchObject({ code: 'too-much' });
    });
  });

  describe('what people see', () => {
    it('is told step by step, numbered, and broadcast', async () => {
      const orderId = await placed();
      await harness.publish(StockReserved, { orderId });
      await harness.settled();
      expect(harness.sent(ChargePayment)).toEqual([{ orderId, amount: 1380, token: 'tok_ok' }]);
      await harness.publish(PaymentCaptured, { orderId, amount: 1380, reference: 'r' });
      await harness.settled();
      expect(harness.sent(ShipOrder)).toHaveLength(1);
      const parcelId = randomUUID();
      await harness.publish(ParcelDispatched, {
        orderId,
        parcelId,
        trackingNumber: 'PL1',
        lines: [],
      });
      await harness.settled();
      await harness.publish(ParcelDelivered, { orderId, parcelId });
      await harness.settled();

      const { status, history } = await harness.call(GetOrder, { orderId });
      expect(status).toBe('delivered');
      expect(history.map(({ number, what, by }) => [number, what, by])).toEqual([
        [1, 'order placed', 'orders'],
        [2, 'stock reserved', 'inventory'],
        [3, 'payment of €13.80 captured', 'payments'],
        [4, 'parcel PL1 handed to the carrier', 'shipping'],
        [5, 'order delivered', 'orders'],
      ]);
      expect(harness.sent(OrderProgressed)).toEqual(
        history.map((entry, at) => ({
          orderId,
          entry,
          status: ['placed', 'reserved', 'paid', 'shipped', 'delivered'][at],
        })),
      );
      expect(harness.sent(OrderShipped)).toMatchObject([
        { orderId, trackingNumber: 'PL1', customer },
      ]);
      expect(harness.sent(OrderDelivered)).toEqual([{ orderId, total: 1380 }]);
    });

    it('tells why an order was rejected, after what was done for it was undone', async () => {
      const orderId = await placed(anOrder({ payment: { token: 'tok_declined' } }));
      await harness.publish(StockReserved, { orderId });
      await harness.settled();
      await harness.publish(PaymentDeclined, { orderId, reason: 'insufficient funds' });
      await harness.settled();
      expect(harness.sent(ReleaseStock)).toEqual([{ orderId }]);
      expect(await reached(orderId)).toBe('reserved');
      await harness.publish(StockReleased, { orderId });
      await harness.settled();
      const { status, history } = await harness.call(GetOrder, { orderId });
      expect(status).toBe('rejected');
      expect(history.map(({ what }) => what).slice(-3)).toEqual([
        'payment declined: insufficient funds',
        'stock released',
        'order rejected: insufficient funds',
      ]);
    });

    it('names the product that is out of stock', async () => {
      const orderId = await placed();
      await harness.publish(StockRejected, { orderId, sku: 'TEA-0001', reason: 'sold out' });
      await harness.settled();
      expect(harness.sent(OrderRejected)).toMatchObject([
        { orderId, reason: 'TEA-0001 is out of stock' },
      ]);
      expect(await reached(orderId)).toBe('rejected');
    });

    it('is nothing for an order of somebody else', async () => {
      await harness.publish(StockReserved, { orderId: randomUUID() });
      await harness.settled();
      expect(harness.sent(OrderProgressed)).toEqual([]);
      expect(await harness.deadLetters()).toEqual([]);
    });

    it('is that there is no such order', async () => {
      const orderId = randomUUID();
      await expect(harness.call(GetOrder, { orderId })).rejects.toMatchObject({
        code: 'unknown-order',
        details: { orderId },
      });
    });

    it('is listed, page by page', async () => {
      const orderIds = [await placed(), await placed(), await placed()];
      const first = await harness.call(ListOrders, { limit: 2 });
      const second = await harness.call(ListOrders, { limit: 2, before: first.next });
      expect([...first.orders, ...second.orders].map(({ orderId }) => orderId).sort()).toEqual(
        [...orderIds].sort(),
      );
      expect(first.counts).toMatchObject({ placed: 3 });
    });

    it.each([
      'nonsense',
      '2026-02-31T10:00:00.000Z~6d0b2f2e-3c1e-4d2c-9a57-3c1f6b0f5a11',
      '2026-02-01T10:00:00.000Z~------------------------------------',
    ])('is refused for a page that was never handed out: %s', async (before) => {
      await expect(harness.call(ListOrders, { limit: 2, before })).rejects.toMatchObject({
        issues: [{ path: 'before' }],
      });
    });
  });
});

/** Payments whose provider refuses to work. It undoes what it has not done, as the real one does. */
@Controller()
class BrokenPayments {
  constructor(private readonly messenger: Messenger) {}

  @Handles(ChargePayment)
  charge(): void {
    throw new UnrecoverableError('the provider knows no such currency');
  }

  @Handles(RefundPayment)
  async refund({ orderId }: RefundPayment): Promise<void> {
    await this.messenger.publish(PaymentRefunded, { orderId, amount: 0 });
  }
}

/** Stock of which every order gets some. */
@Controller()
class EndlessStock {
  constructor(private readonly messenger: Messenger) {}

  @Handles(ReserveStock)
  async reserve({ orderId }: ReserveStock): Promise<void> {
    await this.messenger.publish(StockReserved, { orderId });
  }

  @Handles(ReleaseStock)
  async release({ orderId }: ReleaseStock): Promise<void> {
    await this.messenger.publish(StockReleased, { orderId });
  }
}

describe('an order whose charge is a dead letter', () => {
  const harness = new Harness();
  afterAll(() => harness.close());

  it('is undone and rejected when its patience ends; the letter stays for an operator', async () => {
    await startCatalog(harness);
    await startOrders(harness, new MemoryOrderStore(), '20s');
    await harness.start('payments', { controllers: [BrokenPayments] });
    await harness.start('inventory', { controllers: [EndlessStock] });
    const { orderId } = await harness.call(PlaceOrder, anOrder());
    await harness.settled();
    expect(await harness.deadLetters()).toMatchObject([{ headers: { type: ChargePayment.name } }]);
    await harness.advance('20s');
    const { status, history } = await harness.call(GetOrder, { orderId });
    expect([status, history.at(-1)?.what]).toEqual([
      'rejected',
      'order rejected: it took too long',
    ]);
    expect(await harness.deadLetters()).toHaveLength(1);
  });
});
