import { MemoryStore } from '@parley/memory';
import { MemoryStockStore } from './stock.store.memory';
import { stockStoreTrial } from './stock.store.trial';

stockStoreTrial('memory', async (shelves) => ({
  store: new MemoryStockStore(shelves),
  database: new MemoryStore(),
}));
