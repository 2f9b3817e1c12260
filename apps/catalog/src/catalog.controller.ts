import { ChangePrice, ListProducts, PriceChanged, QuotePrice } from '@contracts/catalog';
import { Controller } from '@nestjs/common';
import { CallError, Handles, Messenger, Transactions } from '@parley/messaging';
import { ProductStore } from './product.store';
import { quote } from './quote';

@Controller()
export class CatalogController {
  constructor(
    private readonly products: ProductStore,
    private readonly messenger: Messenger,
    private readonly transactions: Transactions,
  ) {}

  @Handles(QuotePrice)
  async quote({ lines }: QuotePrice) {
    const found = await this.products.find(lines.map(({ sku }) => sku));
    const quoted = quote(lines, new Map(found.map((product) => [product.sku, product])));
    if ('line' in quoted) throw new CallError(QuotePrice, 'unknown-sku', quoted);
    if ('most' in quoted) throw new CallError(QuotePrice, 'too-much', quoted);
    return quoted;
  }

  @Handles(ListProducts)
  async list(_request: ListProducts) {
    return { products: await this.products.find() };
  }

  @Handles(ChangePrice)
  changePrice({ sku, price }: ChangePrice) {
    return this.transactions.run(async (tx) => {
      const previous = await this.products.reprice(tx, sku, price);
      if (previous === undefined) throw new CallError(ChangePrice, 'unknown-sku', { sku });
      await this.messenger.broadcast(PriceChanged, { sku, price });
      return { sku, price, previous };
    });
  }
}
