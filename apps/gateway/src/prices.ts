import { ListProducts, type PriceChanged, type Product } from '@contracts/catalog';
import { Injectable } from '@nestjs/common';
import { Messenger } from '@parley/messaging';

/** A price that was missed while nobody listened is wrong for so long at most. */
const FRESH = 30_000;

/** The products as this instance shows them: read once, corrected by every PriceChanged. */
@Injectable()
export class Prices {
  private products = new Map<string, Product>();
  private readAt = -Infinity;
  private reading?: Promise<void>;

  constructor(private readonly messenger: Messenger) {}

  async all(): Promise<Product[]> {
    if (performance.now() - this.readAt > FRESH) await (this.reading ??= this.read().finally(() => (this.reading = undefined)));
    return [...this.products.values()];
  }

  changed({ sku, price }: PriceChanged): void {
    const product = this.products.get(sku);
    if (product) this.products.set(sku, { ...product, price });
  }

  private async read(): Promise<void> {
    const { products } = await this.messenger.call(ListProducts, {});
    this.products = new Map(products.map((product) => [product.sku, product]));
    this.readAt = performance.now();
  }
}
