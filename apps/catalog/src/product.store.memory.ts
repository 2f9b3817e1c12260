import type { Product } from '@contracts/catalog';
import type { MemoryTx } from '@parley/memory';
import { ProductStore } from './product.store';

/** The twin of SqlProductStore, for tests and simulation. */
export class MemoryProductStore extends ProductStore<MemoryTx> {
  private readonly products: Map<string, Product>;

  constructor(products: readonly Product[]) {
    super();
    this.products = new Map(products.map((product) => [product.sku, product]));
  }

  async find(skus?: readonly string[]): Promise<Product[]> {
    return [...this.products.values()]
      .filter(({ sku }) => skus === undefined || skus.includes(sku))
      .sort((a, b) => (a.sku < b.sku ? -1 : 1));
  }

  async reprice(tx: MemoryTx, sku: string, price: number): Promise<number | undefined> {
    const before = this.products.get(sku);
    if (!before) return undefined;
    this.products.set(sku, { ...before, price });
    tx.undo(() => this.products.set(sku, before));
    return before.price;
  }
}
