import { ReleaseStock, ReserveStock } from '@contracts/inventory';
import { ChargePayment, RefundPayment } from '@contracts/payments';
import { behaviourOf } from '../../payment-provider/src/card';
import { chargeKey } from '../../payments/src/payment';
import { expectToAddUp, SCARCE, Shop } from './shop.fixture';

jest.setTimeout(60_000);

let shop: Shop;
afterEach(() => shop.close());

const euros = (cents: number) => `€${(cents / 100).toFixed(2)}`;
const ending = async (orderId: string) => (await shop.order(orderId)).status;

describe('an order', () => {
  it('is reserved, paid, shipped and delivered, and everybody can tell', async () => {
    shop = await Shop.open();
    const orderId = await shop.place();
    await shop.finish();
    const { total, history } = await shop.order(orderId);
    expect(history.map(({ what, by }) => `${by}: ${what.replace(/PL\d+/, 'PL…')}`)).toEqual([
      'orders: order placed',
      'inventory: stock reserved',
      `payments: payment of ${euros(total)} captured`,
      'shipping: parcel PL… handed to the carrier',
      'shipping: parcel seen in Leipzig, sorting centre',
      'shipping: parcel seen in Ulm (DE), depot',
      'orders: order delivered',
    ]);
    expect(await ending(orderId)).toBe('delivered');
    expectToAddUp(await shop.books());
  });

  it('that ends badly is undone in reverse order, whatever it is that goes wrong', async () => {
    shop = await Shop.open();
    const declined = await shop.place({ token: 'tok_declined' });
    const soldOut = await shop.place({ lines: [{ sku: 'TEA-0001', quantity: 1 }, { sku: SCARCE, quantity: 2 }] });
    const unshippable = await shop.place({ country: 'AQ' });
    await shop.finish();
    const { total } = await shop.order(unshippable);
    expect(await shop.storyOf(declined)).toEqual(['order placed', 'stock reserved', 'payment declined: insufficient funds', 'stock released', 'order rejected: insufficient funds']);
    expect(await shop.storyOf(soldOut)).toEqual(['order placed', `no stock of ${SCARCE}: 2 wanted, 1 left`, `order rejected: ${SCARCE} is out of stock`]);
    expect(await shop.storyOf(unshippable)).toEqual([
      'order placed',
      'stock reserved',
      `payment of ${euros(total)} captured`,
      'cannot be shipped: we do not ship to AQ',
      `${euros(total)} refunded`,
      'stock released',
      'order rejected: we do not ship to AQ',
    ]);
    expectToAddUp(await shop.books());
  });

  it('whose payment is slow, or fails first, is delivered; one whose outcome is unknown is delivered if it was captured', async () => {
    shop = await Shop.open();
    const sure = [await shop.place({ token: 'tok_slow' }), await shop.place({ token: 'tok_flaky' }), await shop.place({ token: 'tok_flaky' })];
    const isCaptured = (orderId: string) => behaviourOf('tok_unknown', chargeKey(orderId)).outcome === 'captured';
    const unknown: string[] = [];
    while (!unknown.some(isCaptured) || unknown.every(isCaptured)) unknown.push(await shop.place({ token: 'tok_unknown' }));
    await shop.finish();
    for (const orderId of sure) expect(await ending(orderId)).toBe('delivered');
    for (const orderId of unknown) expect(await ending(orderId)).toBe(isCaptured(orderId) ? 'delivered' : 'rejected');
    expect((await shop.ledger()).charges.captured).toBe(sure.length + unknown.filter(isCaptured).length);
    expectToAddUp(await shop.books());
  });

  it('for the last piece is one order’s only', async () => {
    shop = await Shop.open();
    const wanted = await Promise.all(Array.from({ length: 4 }, () => shop.place({ lines: [{ sku: SCARCE, quantity: 1 }] })));
    await shop.finish();
    expect((await Promise.all(wanted.map(ending))).sort()).toEqual(['delivered', 'rejected', 'rejected', 'rejected']);
    expectToAddUp(await shop.books());
  });

  it('waits while the provider is down, and is charged once when it is back', async () => {
    shop = await Shop.open();
    await shop.admin({ down: true });
    const orderId = await shop.place();
    await shop.settled();
    await shop.harness.advance('5s');
    await shop.settled();
    expect(await ending(orderId)).toBe('reserved');
    await shop.admin({ down: false });
    await shop.finish();
    expect(await ending(orderId)).toBe('delivered');
    expect((await shop.ledger()).charges.captured).toBe(1);
    expectToAddUp(await shop.books());
  });
});

describe('an order that takes too long', () => {
  it('at every stage is undone as soon as those it waits for are back, or goes on its way if it had left already', async () => {
    shop = await Shop.open(['orders', 'catalog', 'notifications', 'insights']);
    const reserving = await shop.place();
    await shop.harness.advance('16m');
    expect([shop.harness.said(ReserveStock), shop.harness.said(ReleaseStock)]).toEqual([[expect.anything()], [{ orderId: reserving }]]);
    await shop.start('inventory');
    await shop.finish();
    expect(await shop.storyOf(reserving)).toEqual(['order placed', 'stock reserved', 'stock released', 'order rejected: it took too long']);

    const charging = await shop.place();
    await shop.harness.advance('16m');
    expect([shop.harness.said(ChargePayment), shop.harness.said(RefundPayment)]).toEqual([[expect.anything()], [expect.objectContaining({ orderId: charging })]]);
    await shop.start('payments');
    await shop.finish();
    const { total } = await shop.order(charging);
    expect(await shop.storyOf(charging)).toEqual([
      'order placed',
      'stock reserved',
      `payment of ${euros(total)} captured`,
      `${euros(total)} refunded`,
      'stock released',
      'order rejected: it took too long',
    ]);

    const [shipping, refused] = [await shop.place(), await shop.place({ country: 'AQ' })];
    await shop.settled();
    await shop.harness.advance('16m');
    await shop.start('shipping');
    await shop.finish();
    expect(await ending(shipping)).toBe('delivered');
    expect((await shop.storyOf(refused)).slice(-3)).toEqual([`${euros(total)} refunded`, 'stock released', 'order rejected: it took too long']);
    expectToAddUp(await shop.books());
  });
});

describe('the shop', () => {
  it('keeps its books under a broker that repeats, delays and reorders, while services come and go', async () => {
    shop = await Shop.open(undefined, { mischief: { seed: 11, duplicate: 0.3, delay: 50, reorder: true } });
    const wishes = [{}, { token: 'tok_declined' }, { token: 'tok_flaky' }, { country: 'AQ' }, { lines: [{ sku: SCARCE, quantity: 1 }] }];
    for (let n = 0; n < 30; n++) await shop.place(wishes[n % wishes.length]);
    for (const service of ['inventory', 'payments', 'shipping', 'orders'] as const) {
      await shop.harness.advance('50ms');
      await shop.stop(service);
      await shop.harness.advance('50ms');
      await shop.start(service);
    }
    await shop.finish();
    const books = await shop.books();
    expect(books.figures).toMatchObject({ delivered: 13, rejected: 17 });
    expectToAddUp(books);
  });
});
