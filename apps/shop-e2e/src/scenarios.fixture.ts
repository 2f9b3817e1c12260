import { ReleaseStock, ReserveStock } from '@contracts/inventory';
import type { HistoryEntry } from '@contracts/orders';
import { ChargePayment, RefundPayment } from '@contracts/payments';
import { CancelShipment, ShipOrder } from '@contracts/shipping';
import { behaviourOf } from '../../payment-provider/src/card';
import { chargeKey } from '../../payments/src/payment';
import { SCARCE, type Stage } from './stage';

const euros = (cents: number) => `€${(cents / 100).toFixed(2)}`;

/** Outcomes of orders, on any technology. `late: false`: without the orders that take too long. */
export function scenarios(open: () => Promise<Stage>, { late = true } = {}): void {
  let shop: Stage;
  const ending = async (orderId: string) => (await shop.order(orderId)).status;

  const storyOf = async (
    orderId: string,
    entries: number,
    tell: (entry: HistoryEntry) => string = ({ what }) => what,
  ) => (await shop.order(orderId, entries)).history.map(tell);

  const expectStory = async (orderId: string, story: readonly string[]) =>
    expect(await storyOf(orderId, story.length)).toEqual(story);

  beforeEach(async () => {
    shop = await open();
  });
  afterEach(() => shop.close());

  describe('an order', () => {
    it('is reserved, paid, shipped and delivered, and everybody can tell', async () => {
      const orderId = await shop.place();
      await shop.finish();
      const { total } = await shop.order(orderId);
      expect(
        await storyOf(orderId, 7, ({ what, by }) => `${by}: ${what.replace(/PL\d+/, 'PL…')}`),
      ).toEqual([
        'orders: order placed',
        'inventory: stock reserved',
        `payments: payment of ${euros(total)} captured`,
        'shipping: parcel PL… handed to the carrier',
        'shipping: parcel seen in Leipzig, sorting centre',
        'shipping: parcel seen in Ulm (DE), depot',
        'orders: order delivered',
      ]);
      expect(await ending(orderId)).toBe('delivered');
      await shop.expectToAddUp();
    });

    it('that ends badly is undone in reverse order, whatever it is that goes wrong', async () => {
      const declined = await shop.place({ token: 'tok_declined' });
      const soldOut = await shop.place({
        lines: [
          { sku: 'TEA-0001', quantity: 1 },
          { sku: SCARCE, quantity: 2 },
        ],
      });
      const unshippable = await shop.place({ country: 'AQ' });
      await shop.finish();
      const { total } = await shop.order(unshippable);
      await expectStory(declined, [
        'order placed',
        'stock reserved',
        'payment declined: insufficient funds',
        'stock released',
        'order rejected: insufficient funds',
      ]);
      await expectStory(soldOut, [
        'order placed',
        `no stock of ${SCARCE}: 2 wanted, 1 left`,
        `order rejected: ${SCARCE} is out of stock`,
      ]);
      await expectStory(unshippable, [
        'order placed',
        'stock reserved',
        `payment of ${euros(total)} captured`,
        'cannot be shipped: we do not ship to AQ',
        `${euros(total)} refunded`,
        'stock released',
        'order rejected: we do not ship to AQ',
      ]);
      await shop.expectToAddUp();
    });

    it('whose payment is slow, or fails first, is delivered; one whose outcome is unknown is delivered if it was captured', async () => {
      const sure = [
        await shop.place({ token: 'tok_slow' }),
        await shop.place({ token: 'tok_flaky' }),
        await shop.place({ token: 'tok_flaky' }),
      ];
      const isCaptured = (orderId: string) =>
        behaviourOf('tok_unknown', chargeKey(orderId)).outcome === 'captured';
      const unknown: string[] = [];
      while (!unknown.some(isCaptured) || unknown.every(isCaptured))
        unknown.push(await shop.place({ token: 'tok_unknown' }));
      await shop.finish();
      for (const orderId of sure) expect(await ending(orderId)).toBe('delivered');
      for (const orderId of unknown)
        expect(await ending(orderId)).toBe(isCaptured(orderId) ? 'delivered' : 'rejected');
      expect(await shop.captured([...sure, ...unknown])).toBe(
        sure.length + unknown.filter(isCaptured).length,
      );
      await shop.expectToAddUp();
    });

    it('for the last piece is one order’s only', async () => {
      const wanted = await Promise.all(
        Array.from({ length: 4 }, () => shop.place({ lines: [{ sku: SCARCE, quantity: 1 }] })),
      );
      await shop.finish();
      expect((await Promise.all(wanted.map(ending))).sort()).toEqual([
        'delivered',
        'rejected',
        'rejected',
        'rejected',
      ]);
      await shop.expectToAddUp();
    });

    it('waits while the provider is down, and is charged once when it is back', async () => {
      await shop.providerDown(true);
      const orderId = await shop.place();
      await shop.triedInVain(orderId);
      expect(await ending(orderId)).toBe('reserved');
      await shop.providerDown(false);
      await shop.finish();
      expect(await ending(orderId)).toBe('delivered');
      expect(await shop.captured([orderId])).toBe(1);
      await shop.expectToAddUp();
    });
  });

  (late ? describe : describe.skip)('an order that takes too long', () => {
    it('at every stage is undone as soon as those it waits for are back, or goes on its way if it had left already', async () => {
      for (const service of ['inventory', 'payments', 'shipping'] as const)
        await shop.away(service);

      const reserving = await shop.place();
      await shop.askedUpTo(reserving, ReserveStock);
      await shop.patienceEnds(reserving);
      expect(await shop.askedUpTo(reserving, ReleaseStock)).toEqual([
        ReserveStock.name,
        ReleaseStock.name,
      ]);
      await shop.back('inventory');
      await shop.finish();
      await expectStory(reserving, [
        'order placed',
        'stock reserved',
        'stock released',
        'order rejected: it took too long',
      ]);

      const charging = await shop.place();
      await shop.askedUpTo(charging, ChargePayment);
      await shop.patienceEnds(charging);
      expect(await shop.askedUpTo(charging, RefundPayment)).toEqual([
        ReserveStock.name,
        ChargePayment.name,
        RefundPayment.name,
      ]);
      await shop.back('payments');
      await shop.finish();
      const { total } = await shop.order(charging);
      await expectStory(charging, [
        'order placed',
        'stock reserved',
        `payment of ${euros(total)} captured`,
        `${euros(total)} refunded`,
        'stock released',
        'order rejected: it took too long',
      ]);

      const [shipping, refused] = [await shop.place(), await shop.place({ country: 'AQ' })];
      for (const orderId of [shipping, refused]) {
        await shop.askedUpTo(orderId, ShipOrder);
        await shop.patienceEnds(orderId);
        expect(await shop.askedUpTo(orderId, CancelShipment)).toEqual([
          ReserveStock.name,
          ChargePayment.name,
          ShipOrder.name,
          CancelShipment.name,
        ]);
      }
      await shop.back('shipping');
      await shop.finish();
      expect(await ending(shipping)).toBe('delivered');
      // The saga does not wait for the answer to the cancellation of a refused shipment: it may
      // come before the refund or after it.
      const story = await storyOf(refused, 8);
      expect(story).toContain('shipment cancelled');
      expect(story.filter((what) => what !== 'shipment cancelled')).toEqual([
        'order placed',
        'stock reserved',
        `payment of ${euros(total)} captured`,
        'cannot be shipped: we do not ship to AQ',
        `${euros(total)} refunded`,
        'stock released',
        'order rejected: it took too long',
      ]);
      await shop.expectToAddUp();
    });
  });

  describe('the shop', () => {
    it('keeps its books while services come and go', async () => {
      const wishes = [
        {},
        { token: 'tok_declined' },
        { token: 'tok_flaky' },
        { country: 'AQ' },
        { lines: [{ sku: SCARCE, quantity: 1 }] },
      ];
      const placed: string[] = [];
      for (let n = 0; n < 30; n++) placed.push(await shop.place(wishes[n % wishes.length]));
      for (const service of ['inventory', 'payments', 'shipping', 'orders'] as const)
        await shop.restart(service);
      await shop.finish();
      const endings = await Promise.all(placed.map(ending));
      expect(endings.filter((status) => status === 'delivered')).toHaveLength(13);
      expect(endings.filter((status) => status === 'rejected')).toHaveLength(17);
      await shop.expectToAddUp();
    });
  });
}
