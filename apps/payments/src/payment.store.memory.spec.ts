import { MemoryStore } from '@parley/memory';
import { MemoryPaymentStore } from './payment.store.memory';
import { paymentStoreTrial } from './payment.store.trial';

paymentStoreTrial('memory', async () => ({
  store: new MemoryPaymentStore(),
  database: new MemoryStore(),
}));
