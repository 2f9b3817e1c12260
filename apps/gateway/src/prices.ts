import { ListProducts, type PriceChanged, type Product } from '@contracts/catalog';
import { Injectable } from '@nestjs/common';
import { Messenger, withoutCaller } from '@parley/messaging';

/**
 * Milliseconds until the products are read again: the longest time for which a price is wrong when
 * its broadcast was lost.
 */
const FRESH_MS = 30_000;

/**
 * The products as this instance shows them: read once, corrected by every PriceChanged. While
 * catalog is away the last known ones are shown; the price of an order is agreed when it is placed.
 */
@Injectable()
export class Prices {
  private products = new Map<string, Product>();
  /** Since the last reading began: its answer may be older. */
  private readonly received = new Map<string, PriceChanged>();
  private readAt = -Infinity;
  private reading?: Promise<void>;

  constructor(private readonly messenger: Messenger) {}

  async all(): Promise<Product[]> {
    if (performance.now() - this.readAt > FRESH_MS) await (this.reading ??= this.begin());
    return [...this.products.values()];
  }

  changed(change: PriceChanged): void {
    this.received.set(change.sku, change);
    this.correct(change);
  }

  private correct({ sku, price }: PriceChanged): void {
    const product = this.products.get(sku);
    if (product) this.products.set(sku, { ...product, price });
  }

  /** All requests of the moment wait for it: it does not end with the client of the first one. */
  private begin(): Promise<void> {
    return withoutCaller(() => this.read()).finally(() => (this.reading = undefined));
  }

  private async read(): Promise<void> {
    this.received.clear();
    try {
      const { products } = await this.messenger.call(ListProducts, {});
      this.products = new Map(products.map((product) => [product.sku, product]));
      this.readAt = performance.now();
      for (const change of this.received.values()) this.correct(change);
    } catch (error) {
      if (this.products.size === 0) throw error;
    }
  }
}
