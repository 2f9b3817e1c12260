import { TemporarySchema } from '@parley/testing';
import { CreatePayment1790000400000 } from './migrations/1790000400000-create-payment';
import { SqlPaymentStore } from './payment.store';
import { paymentStoreTrial } from './payment.store.trial';

paymentStoreTrial('PostgreSQL', async () => {
  const database = await TemporarySchema.create(process.env.PARLEY_TEST_POSTGRES, [
    CreatePayment1790000400000,
  ]);
  return { store: new SqlPaymentStore(), database, close: () => database.drop() };
});
