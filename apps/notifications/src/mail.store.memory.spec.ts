import { MemoryStore } from '@parley/memory';
import { MemoryMailStore } from './mail.store.memory';
import { mailStoreTrial } from './mail.store.trial';

mailStoreTrial('memory', async () => ({
  store: new MemoryMailStore(),
  database: new MemoryStore(),
}));
