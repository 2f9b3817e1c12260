import { TemporarySchema } from '@parley/testing';
import { CreateStock1790000300000 } from './migrations/1790000300000-create-stock';
import { SqlStockStore } from './stock.store';
import { stockStoreTrial } from './stock.store.trial';

stockStoreTrial('PostgreSQL', async (shelves) => {
  const database = await TemporarySchema.create(process.env.PARLEY_TEST_POSTGRES, [
    CreateStock1790000300000,
  ]);
  const { manager } = database.dataSource;
  await manager.query('delete from stock');
  await manager.query(
    'insert into stock (sku, initial, available) select sku, pieces, pieces from jsonb_to_recordset($1) as s(sku text, pieces int)',
    [JSON.stringify(shelves)],
  );
  return { store: new SqlStockStore(manager), database, close: () => database.drop() };
});
