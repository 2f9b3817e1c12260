import { ChangePrice, ListProducts, PriceChanged, QuotePrice } from '@contracts/catalog';
import { Harness } from '@parley/testing';
import { startCatalog } from './catalog.fixture';
import { products } from './products';

describe('the service catalog', () => {
  let harness: Harness;

  beforeEach(async () => {
    harness = new Harness();
    await startCatalog(harness);
  });
  afterEach(() => harness.close());

  it('quotes the lines in the order in which they were asked for', async () => {
    const lines = [
      { sku: 'TEA-0002', quantity: 1 },
      { sku: 'COF-0003', quantity: 3 },
      { sku: 'TEA-0001', quantity: 2 },
    ];
    const quote = await harness.call(QuotePrice, { lines });
    expect(quote.lines.map(({ sku, quantity }) => ({ sku, quantity }))).toEqual(lines);
    expect(quote.total).toBe(1290 + 3 * 990 + 2 * 690);
  });

  it('names the line that nobody sells', async () => {
    const asked = harness.call(QuotePrice, {
      lines: [
        { sku: 'TEA-0001', quantity: 1 },
        { sku: 'TEA-9999', quantity: 1 },
      ],
    });
    await expect(asked).rejects.toMatchObject({
      code: 'unknown-sku',
      details: { sku: 'TEA-9999', line: 1 },
    });
  });

  it('refuses to quote more than the shop can be paid', async () => {
    await harness.call(ChangePrice, { sku: 'TEA-0001', price: 100_000_000 });
    const asked = harness.call(QuotePrice, { lines: [{ sku: 'TEA-0001', quantity: 2 }] });
    await expect(asked).rejects.toMatchObject({
      code: 'too-much',
      details: { total: 200_000_000, most: 100_000_000 },
    });
  });

  it('quotes the new price, lists it and broadcasts it', async () => {
    expect(await harness.call(ChangePrice, { sku: 'TEA-0001', price: 1 })).toEqual({
      sku: 'TEA-0001',
      price: 1,
      previous: 690,
    });
    await harness.settled();
    expect(harness.sent(PriceChanged)).toEqual([{ sku: 'TEA-0001', price: 1 }]);
    expect(
      await harness.call(QuotePrice, { lines: [{ sku: 'TEA-0001', quantity: 2 }] }),
    ).toMatchObject({ total: 2 });
    const listed = await harness.call(ListProducts, {});
    expect(listed.products).toHaveLength(products.length);
    expect(listed.products).toContainEqual(expect.objectContaining({ sku: 'TEA-0001', price: 1 }));
  });

  it('broadcasts nothing for a product that it does not sell', async () => {
    await expect(harness.call(ChangePrice, { sku: 'TEA-9999', price: 1 })).rejects.toMatchObject({
      code: 'unknown-sku',
    });
    await harness.settled();
    expect(harness.sent(PriceChanged)).toEqual([]);
  });
});
