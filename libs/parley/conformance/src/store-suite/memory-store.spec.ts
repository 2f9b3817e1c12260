import { MemoryStore } from '@parley/memory';
import { storeSpec } from './store-suite';

storeSpec('MemoryStore', async () => {
  const store = new MemoryStore();
  return { store, another: async () => store, close: () => store.close() };
});
