import { MemoryStore } from '@parley/memory';
import { storeSpec } from './store-spec';

storeSpec('MemoryStore', async () => {
  const store = new MemoryStore();
  return { store, another: async () => store, close: () => store.close() };
});
