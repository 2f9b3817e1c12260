import type { Product } from '@contracts/catalog';
import { products } from './products';
import { quote } from './quote';

const known = new Map<string, Product>(products.map((product) => [product.sku, product]));

describe('a quote', () => {
  it('adds up price times quantity over all lines', () => {
    expect(
      quote(
        [
          { sku: 'TEA-0001', quantity: 2 },
          { sku: 'COF-0003', quantity: 1 },
        ],
        known,
      ),
    ).toMatchObject({ total: 2 * 690 + 990 });
  });

  it('names the first line that nobody sells', () => {
    expect(
      quote(
        [
          { sku: 'TEA-0001', quantity: 2 },
          { sku: 'TEA-9999', quantity: 1 },
        ],
        known,
      ),
    ).toEqual({ sku: 'TEA-9999', line: 1 });
  });
});

describe('a quote that is too high', () => {
  const dear = new Map([['TEA-0001', { ...products[0]!, price: 500_000 }]]);

  it('tells what it comes to and what an order may be worth', () => {
    expect(quote([{ sku: 'TEA-0001', quantity: 200 }], dear)).toMatchObject({
      total: 100_000_000,
      lines: { length: 1 },
    });
    expect(quote([{ sku: 'TEA-0001', quantity: 201 }], dear)).toEqual({
      total: 100_500_000,
      most: 100_000_000,
    });
  });
});

describe('the catalogue', () => {
  it('has at least 60 products, each once', () => {
    expect(known.size).toBe(products.length);
    expect(known.size).toBeGreaterThanOrEqual(60);
  });
});
