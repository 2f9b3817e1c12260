import { TemporarySchema } from '@parley/testing';
import { CreateProducts1790000200000 } from './migrations/1790000200000-create-products';
import { SqlProductStore } from './product.store';
import { productStoreTrial } from './product.store.trial';

productStoreTrial('PostgreSQL', async () => {
  const database = await TemporarySchema.create(process.env.PARLEY_TEST_POSTGRES, [
    CreateProducts1790000200000,
  ]);
  return {
    store: new SqlProductStore(database.dataSource.manager),
    database,
    close: () => database.drop(),
  };
});
