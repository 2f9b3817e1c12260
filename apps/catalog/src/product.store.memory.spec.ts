import { MemoryStore } from '@parley/memory';
import { MemoryProductStore } from './product.store.memory';
import { productStoreTrial } from './product.store.trial';
import { products } from './products';

productStoreTrial('memory', async () => ({
  store: new MemoryProductStore(products),
  database: new MemoryStore(),
}));
