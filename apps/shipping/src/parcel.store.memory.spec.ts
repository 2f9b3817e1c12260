import { MemoryStore } from '@parley/memory';
import { MemoryParcelStore } from './parcel.store.memory';
import { parcelStoreTrial } from './parcel.store.trial';

parcelStoreTrial('memory', async () => ({
  store: new MemoryParcelStore(),
  database: new MemoryStore(),
}));
