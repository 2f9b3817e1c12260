import { MemoryStore } from '@parley/memory';
import { MemoryOrderStore } from './order.store.memory';
import { orderStoreTrial } from './order.store.trial';

orderStoreTrial('memory', async () => ({
  store: new MemoryOrderStore(),
  database: new MemoryStore(),
}));
