import { TemporarySchema } from '@parley/testing';
import { CreateOrders1790000100000 } from './migrations/1790000100000-create-orders';
import { AddAccount1790000110000 } from './migrations/1790000110000-add-account';
import { SqlOrderStore } from './order.store';
import { orderStoreTrial } from './order.store.trial';

orderStoreTrial('PostgreSQL', async () => {
  const database = await TemporarySchema.create(process.env.PARLEY_TEST_POSTGRES, [
    CreateOrders1790000100000,
    AddAccount1790000110000,
  ]);
  return {
    store: new SqlOrderStore(database.dataSource.manager),
    database,
    close: () => database.drop(),
  };
});
