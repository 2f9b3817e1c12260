import type { Product } from '@contracts/catalog';
import type { Messenger } from '@parley/messaging';
import { Prices } from './prices';

const product = (sku: string, price: number): Product => ({
  sku,
  name: sku,
  description: '',
  price,
  grams: 1,
});

describe('the prices an instance shows', () => {
  let asked: number;
  let catalog: () => Promise<Product[]>;
  let prices: Prices;
  const shown = async () => (await prices.all()).map(({ price }) => price);

  beforeEach(() => {
    jest.useFakeTimers();
    asked = 0;
    catalog = async () => [product('TEA-0001', 690), product('TEA-0002', 1290)];
    const call = async () => (asked++, { products: await catalog() });
    prices = new Prices({ call } as unknown as Messenger);
  });
  afterEach(() => jest.useRealTimers());

  it('are asked for once, however many want to see them at the same time', async () => {
    await Promise.all([shown(), shown(), shown()]);
    expect(await shown()).toEqual([690, 1290]);
    expect(asked).toBe(1);
  });

  it('are corrected by what is broadcast', async () => {
    await shown();
    prices.changed({ sku: 'TEA-0002', price: 1 });
    expect(await shown()).toEqual([690, 1]);
    expect(asked).toBe(1);
  });

  it('know nothing of a product that is not sold here', async () => {
    await shown();
    prices.changed({ sku: 'TEA-0003', price: 1 });
    expect(await shown()).toEqual([690, 1290]);
  });

  it('keep a change that was broadcast while they were asked for', async () => {
    let answer!: (products: Product[]) => void;
    catalog = () => new Promise((resolve) => (answer = resolve));
    const first = shown();
    prices.changed({ sku: 'TEA-0002', price: 1 });
    answer([product('TEA-0001', 690), product('TEA-0002', 1290)]); // read before the change
    expect(await first).toEqual([690, 1]);
  });

  it('are asked for again after a while, for a broadcast may be lost', async () => {
    await shown();
    catalog = async () => [product('TEA-0001', 5)];
    jest.advanceTimersByTime(29_000);
    expect(await shown()).toEqual([690, 1290]);
    jest.advanceTimersByTime(2_000);
    expect(await shown()).toEqual([5]);
  });

  it('are asked for again after catalog could not be asked, and shown as they were until it can', async () => {
    const failing = () => Promise.reject(new Error('catalog is away'));
    const working = catalog;
    catalog = failing;
    await expect(shown()).rejects.toThrow('catalog is away');
    catalog = working;
    await shown();
    catalog = failing;
    jest.advanceTimersByTime(31_000);
    expect(await shown()).toEqual([690, 1290]);
  });
});
