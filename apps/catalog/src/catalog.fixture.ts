import type { Harness, TestService } from '@parley/testing';
import { CatalogController } from './catalog.controller';
import { ProductStore } from './product.store';
import { MemoryProductStore } from './product.store.memory';
import { products } from './products';

/** An instance of catalog, whole, with the products of the first day. */
export const startCatalog = (harness: Harness): Promise<TestService> =>
  harness.start('catalog', {
    controllers: [CatalogController],
    providers: [{ provide: ProductStore, useValue: new MemoryProductStore(products) }],
  });
