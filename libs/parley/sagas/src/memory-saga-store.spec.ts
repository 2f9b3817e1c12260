import { MemoryStore } from '@parley/memory';
import { systemClock } from '@parley/messaging/transport';
import { MemorySagaStore } from './memory-saga-store';
import { describeSagaStore } from './saga-store.suite';

describeSagaStore('memory', async () => {
  const database = new MemoryStore();
  return {
    store: new MemorySagaStore(systemClock),
    transaction: (work) => database.transaction(work),
    close: () => database.close(),
  };
});
