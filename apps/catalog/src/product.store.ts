import type { Product } from '@contracts/catalog';
import type { EntityManager } from 'typeorm';

/** The products and their prices. `MemoryProductStore` is the twin of the SQL one. */
export abstract class ProductStore<Tx = EntityManager> {
  /** All of them, or those of the given numbers. */
  abstract find(skus?: readonly string[]): Promise<Product[]>;
  /** Sets the price; resolves with the one before, undefined for an unknown product. */
  abstract reprice(tx: Tx, sku: string, price: number): Promise<number | undefined>;
}

export class SqlProductStore extends ProductStore {
  constructor(private readonly database: Pick<EntityManager, 'query'>) {
    super();
  }

  find(skus?: readonly string[]): Promise<Product[]> {
    return this.database.query(
      'select sku, name, description, price, grams from product where $1::text[] is null or sku = any($1) order by sku',
      [skus ?? null],
    );
  }

  async reprice(tx: EntityManager, sku: string, price: number): Promise<number | undefined> {
    const before: { price: number }[] = await tx.query(
      'select price from product where sku = $1 for update',
      [sku],
    );
    if (before[0]) await tx.query('update product set price = $2 where sku = $1', [sku, price]);
    return before[0]?.price;
  }
}
