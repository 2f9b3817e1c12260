import { MemoryStore } from '@parley/memory';
import { MemoryFiguresStore } from './figures.store.memory';
import { figuresStoreTrial } from './figures.store.trial';

figuresStoreTrial('memory', async () => {
  const parts = {
    store: new MemoryFiguresStore(),
    database: new MemoryStore(),
    clear: async () => void (parts.store = new MemoryFiguresStore()),
  };
  return parts;
});
