import { MemoryStore } from '@parley/memory';
import { storeSuite } from './store-suite';

storeSuite('MemoryStore', async () => {
  const store = new MemoryStore();
  return { store, another: async () => store, close: () => store.close() };
});
